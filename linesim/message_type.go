package linesim

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
func messageRule() rule {
	types := map[string][]field{
		"text": {
			must("text", units(maxText)), may("emojis", list(0, maxEmojis, emoji())),
		},
		"textV2":  {must("text", units(maxText)), may("substitution", substitution)},
		"sticker": {must("packageId", nil), must("stickerId", nil)},
		"image":   {must("originalContentUrl", mediaURL), must("previewImageUrl", mediaURL)},
		"video": {
			must("originalContentUrl", mediaURL), must("previewImageUrl", mediaURL), may("trackingId", units(maxTrackingID)),
		},
		"audio": {must("originalContentUrl", mediaURL), must("duration", integer(1, math.MaxInt64))},
		"location": {
			must("title", units(maxPlace)), must("address", units(maxPlace)),
			must("latitude", number(-90, 90)), must("longitude", number(-180, 180)),
		},
		"imagemap": imagemapFields(),
		"template": {must("altText", units(maxAltText)), must("template", templateRule())},
		"flex":     {must("altText", units(maxAltText)), must("contents", flexRule())},
		"coupon":   {must("couponId", nil), may("deliveryTag", units(maxDeliveryTag))},
	}
	common := []field{may("quickReply", quickReply()), may("sender", senderRule())}
	rules := make(map[string]rule, len(types))
	for name, fields := range types {
		rules[name] = object(append(fields, common...)...)
	}
	rules["text"] = all(rules["text"], emojisInText)
	return byType(rules)
}

// quickReply is the rule of the buttons below a message.
func quickReply() rule {
	return object(must("items", list(1, maxQuickReplies, object(
		may("type", oneOf("action")), may("imageUrl", mediaURL), must("action", quickReplyAction()),
	))))
}

// senderRule is the rule of the name and icon that replace the bot's own.
func senderRule() rule {
	return object(
		may("name", all(units(maxSenderName), func(r *report, v gjson.Result) {
			if v.Str == "LINE" {
				r.add("May not be LINE")
			}
		})),
		may("iconUrl", mediaURL),
	)
}

// emoji is the rule of a LINE emoji in a text.
func emoji() rule {
	return object(must("index", integer(0, maxText-1)), must("productId", nil), must("emojiId", nil))
}

// emojisInText reports emojis whose index is not that of a "$".
func emojisInText(r *report, v gjson.Result) {
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
			r.under(step{name: "emojis"}, func(r *report, _ gjson.Result) {
				r.under(step{index: i}, func(r *report, v gjson.Result) {
					r.under(step{name: "index"}, func(r *report, _ gjson.Result) { r.add("Must be the index of a $ in the text") }, v)
				}, e)
			}, e)
		}
	}
}

// substitution is the rule of the placeholders of a textV2.
func substitution(r *report, v gjson.Result) {
	all := v.Map()
	if !v.IsObject() || len(all) > maxSubstitution {
		r.add(sizeBetween(0, maxSubstitution))
		return
	}
	key := word(1, maxPlaceholder, wordAlphabet)
	value := byType(map[string]rule{
		"mention": object(must("mentionee", byType(map[string]rule{"user": object(must("userId", nil)), "all": object()}))),
		"emoji":   object(must("productId", nil), must("emojiId", nil)),
	})
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r.under(step{name: name}, key, gjson.Result{Type: gjson.String, Str: name})
		r.under(step{name: name}, value, all[name])
		count[all[name].Get("type").Str]++
	}
	if count["mention"] > maxMentions {
		r.add(sizeBetween(0, maxMentions) + " for mentions")
	}
	if count["emoji"] > maxEmojis {
		r.add(sizeBetween(0, maxEmojis) + " for emojis")
	}
}

// mentionDetails reports the messages that mention somebody, which only replies and pushes to a group or room
// may do; nil for none.
func mentionDetails(msgs []json.RawMessage) []errorDetail {
	var r report
	for i, raw := range msgs {
		if !bytes.Contains(raw, []byte(`"mention"`)) {
			continue
		}
		v := gjson.ParseBytes(raw)
		for name, value := range v.Get("substitution").Map() {
			if v.Get("type").Str == "textV2" && value.Get("type").Str == "mention" {
				r.path = []step{{name: "messages"}, {index: i}, {name: "substitution"}, {name: name}}
				r.add("A mention can be sent to a group or room only")
				break
			}
		}
	}
	return r.details
}
