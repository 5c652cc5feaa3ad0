package rule

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"github.com/tidwall/gjson"
)

// The limits of message objects (Messaging API reference, "Message objects"; messaging-api.yml). Texts count
// in UTF-16 code units unless it says graphemes.
const (
	maxText         = 5000
	maxAltText      = 1500
	maxQuickReplies = 13
	maxSenderName   = 20
	maxEmojis       = 20
	maxMentions     = 20
	maxSubstitution = 100
	maxPlaceholder  = 20
	maxPlace        = 100 // title and address of a location
	maxTrackingID   = 100
	maxDeliveryTag  = 30
)

// messageRule is the rule of a message object.
func messageRule() Rule {
	types := map[string][]Field{
		"text": {
			Must("text", Units(maxText)), May("emojis", List(0, maxEmojis, emoji())),
		},
		"textV2":  {Must("text", Units(maxText)), May("substitution", substitution)},
		"sticker": {Must("packageId", nil), Must("stickerId", nil)},
		"image":   {Must("originalContentUrl", MediaURL), Must("previewImageUrl", MediaURL)},
		"video": {
			Must("originalContentUrl", MediaURL), Must("previewImageUrl", MediaURL), May("trackingId", Units(maxTrackingID)),
		},
		"audio": {Must("originalContentUrl", MediaURL), Must("duration", Integer(1, math.MaxInt64))},
		"location": {
			Must("title", Units(maxPlace)), Must("address", Units(maxPlace)),
			Must("latitude", number(-90, 90)), Must("longitude", number(-180, 180)),
		},
		"imagemap": imagemapFields(),
		"template": {Must("altText", Units(maxAltText)), Must("template", templateRule())},
		"flex":     {Must("altText", Units(maxAltText)), Must("contents", flexRule())},
		"coupon":   {Must("couponId", nil), May("deliveryTag", Units(maxDeliveryTag))},
	}
	common := []Field{May("quickReply", quickReply()), May("sender", senderRule())}
	rules := make(map[string]Rule, len(types))
	for name, fields := range types {
		rules[name] = Object(append(fields, common...)...)
	}
	rules["text"] = all(rules["text"], emojisInText)
	return ByType(rules)
}

// quickReply is the rule of the buttons below a message.
func quickReply() Rule {
	return Object(Must("items", List(1, maxQuickReplies, Object(
		May("type", OneOf("action")), May("imageUrl", MediaURL), Must("action", quickReplyAction()),
	))))
}

// senderRule is the rule of the name and icon that replace the bot's own.
func senderRule() Rule {
	return Object(
		May("name", all(Units(maxSenderName), func(r *Report, v gjson.Result) {
			if v.Str == "LINE" {
				r.Add("May not be LINE")
			}
		})),
		May("iconUrl", MediaURL),
	)
}

// emoji is the rule of a LINE emoji in a text.
func emoji() Rule {
	return Object(Must("index", Integer(0, maxText-1)), Must("productId", nil), Must("emojiId", nil))
}

// emojisInText reports emojis whose index is not that of a "$".
func emojisInText(r *Report, v gjson.Result) {
	emojis := v.Get("emojis").Array()
	if len(emojis) == 0 {
		return
	}
	places := map[int64]bool{}
	at := int64(0)
	for _, c := range v.Get("text").Str {
		places[at] = c == '$'
		at += int64(unitsOf(c))
	}
	for i, e := range emojis {
		if index := e.Get("index"); index.Type == gjson.Number && !places[index.Int()] {
			r.Under(Step{Name: "emojis"}, func(r *Report, _ gjson.Result) {
				r.Under(Step{Index: i}, func(r *Report, v gjson.Result) {
					r.Under(Step{Name: "index"}, func(r *Report, _ gjson.Result) { r.Add("Must be the index of a $ in the text") }, v)
				}, e)
			}, e)
		}
	}
}

// substitution is the rule of the placeholders of a textV2.
func substitution(r *Report, v gjson.Result) {
	all := v.Map()
	if !v.IsObject() || len(all) > maxSubstitution {
		r.Add(SizeBetween(0, maxSubstitution))
		return
	}
	key := Word(1, maxPlaceholder, WordAlphabet)
	value := ByType(map[string]Rule{
		"mention": Object(Must("mentionee", ByType(map[string]Rule{"user": Object(Must("userId", nil)), "all": Object()}))),
		"emoji":   Object(Must("productId", nil), Must("emojiId", nil)),
	})
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r.Under(Step{Name: name}, key, gjson.Result{Type: gjson.String, Str: name})
		r.Under(Step{Name: name}, value, all[name])
		count[all[name].Get("type").Str]++
	}
	if count["mention"] > maxMentions {
		r.Add(SizeBetween(0, maxMentions) + " for mentions")
	}
	if count["emoji"] > maxEmojis {
		r.Add(SizeBetween(0, maxEmojis) + " for emojis")
	}
}

// Mentions reports the messages that mention somebody, which only replies and pushes to a group or room
// may do; nil for none.
func Mentions(msgs []json.RawMessage) []Detail {
	var r Report
	for i, raw := range msgs {
		if !bytes.Contains(raw, []byte(`"mention"`)) {
			continue
		}
		v := gjson.ParseBytes(raw)
		for name, value := range v.Get("substitution").Map() {
			if v.Get("type").Str == "textV2" && value.Get("type").Str == "mention" {
				r.path = []Step{{Name: "messages"}, {Index: i}, {Name: "substitution"}, {Name: name}}
				r.Add("A mention can be sent to a group or room only")
				break
			}
		}
	}
	return r.Details
}
