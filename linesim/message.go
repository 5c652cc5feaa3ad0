package linesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/tidwall/gjson"
)

const (
	// maxMessages is how many message objects one request may carry.
	maxMessages = 5
	// maxText is the length of a text in UTF-16 code units ("Character counting in a text").
	maxText = 5000
)

// sentMessage tells the bot of a message that was sent.
type sentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken,omitempty"`
}

// messageType is what the simulator knows of one type of message object.
type messageType struct {
	required []string // properties that must be there and not empty (messaging-api.yml)
	text     bool     // has a text of up to maxText
	quotable bool     // sentMessages has a quote token ("Get quote tokens")
}

// messageTypes lists the message objects of the Messaging API. Further limits of each type belong here
// and into checkMessage.
func messageTypes() map[string]messageType {
	return map[string]messageType{
		"text":     {text: true, quotable: true},
		"textV2":   {text: true, quotable: true},
		"sticker":  {required: []string{"packageId", "stickerId"}, quotable: true},
		"image":    {required: []string{"originalContentUrl", "previewImageUrl"}, quotable: true},
		"video":    {required: []string{"originalContentUrl", "previewImageUrl"}, quotable: true},
		"audio":    {required: []string{"originalContentUrl", "duration"}},
		"location": {required: []string{"title", "address", "latitude", "longitude"}},
		"imagemap": {required: []string{"baseUrl", "altText", "baseSize", "actions"}},
		"template": {required: []string{"altText", "template"}, quotable: true},
		"flex":     {required: []string{"altText", "contents"}, quotable: true},
		"coupon":   {required: []string{"couponId"}},
	}
}

// checker checks message objects against LINE's rules. It is made once and never changes.
type checker struct {
	types map[string]messageType
	names string
}

func newChecker() checker {
	types := messageTypes()
	return checker{types: types, names: strings.Join(slices.Sorted(maps.Keys(types)), ", ")}
}

// check returns what is wrong with the messages of a request, in LINE's words; nil when nothing is.
func (ck checker) check(msgs []json.RawMessage) []errorDetail {
	if len(msgs) < 1 || len(msgs) > maxMessages {
		return []errorDetail{{Message: fmt.Sprintf("Size must be between 1 and %d", maxMessages), Property: "messages"}}
	}
	var details []errorDetail
	for i, raw := range msgs {
		details = append(details, ck.checkMessage(fmt.Sprintf("messages[%d]", i), raw)...)
	}
	return details
}

// checkMessage returns what is wrong with one message object that stands at path.
func (ck checker) checkMessage(path string, raw json.RawMessage) []errorDetail {
	obj := gjson.ParseBytes(raw)
	if !obj.IsObject() {
		return []errorDetail{{Message: "May not be null", Property: path}}
	}
	kind := obj.Get("type")
	if kind.String() == "" {
		return []errorDetail{{Message: "May not be empty", Property: path + ".type"}}
	}
	known, ok := ck.types[kind.Str]
	if !ok {
		return []errorDetail{{Message: "Must be one of the following values: [" + ck.names + "]", Property: path + ".type"}}
	}
	var details []errorDetail
	if known.text {
		details = checkText(path+".text", obj.Get("text"))
	}
	for _, name := range known.required {
		if v := obj.Get(name); !v.Exists() || v.Type == gjson.Null || v.Type == gjson.String && v.Str == "" {
			details = append(details, errorDetail{Message: "May not be empty", Property: path + "." + name})
		}
	}
	return details
}

// checkText checks a text's length.
func checkText(path string, text gjson.Result) []errorDetail {
	switch {
	case text.Type != gjson.String || text.Str == "":
		return []errorDetail{{Message: "May not be empty", Property: path}}
	case textLength(text.Str) > maxText:
		return []errorDetail{{Message: fmt.Sprintf("Length must be between 0 and %d", maxText), Property: path}}
	}
	return nil
}

// textLength counts s as LINE does: in UTF-16 code units.
func textLength(s string) int {
	if len(s) <= maxText {
		return len(s) // not the length, but short enough: a string has at least as many bytes as units
	}
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// prepared is a request's messages as they go onto phones, and what the bot is told of them.
type prepared struct {
	raw  []json.RawMessage
	sent []sentMessage
}

// prepareLocked gives checked messages their ids and quote tokens.
func (s *Simulator) prepareLocked(msgs []json.RawMessage) prepared {
	p := prepared{raw: make([]json.RawMessage, len(msgs)), sent: make([]sentMessage, len(msgs))}
	for i, raw := range msgs {
		id := s.nextMessageIDLocked()
		p.sent[i].ID = id
		if s.checker.types[gjson.GetBytes(raw, "type").Str].quotable {
			p.sent[i].QuoteToken = randomToken(24)
		}
		p.raw[i] = withID(raw, id)
	}
	return p
}

// withID returns the JSON object raw with its "id", in place of one that the bot put there.
func withID(raw json.RawMessage, id string) json.RawMessage {
	quoted := `"` + id + `"`
	var fields map[string]json.RawMessage
	if gjson.GetBytes(raw, "id").Exists() && json.Unmarshal(raw, &fields) == nil {
		fields["id"] = json.RawMessage(quoted)
		if out, err := json.Marshal(fields); err == nil {
			return out
		}
	}
	end := bytes.LastIndexByte(raw, '}')
	out := make(json.RawMessage, 0, len(raw)+len(id)+10)
	out = append(out, raw[:end]...)
	out = append(out, `,"id":`...)
	out = append(out, quoted...)
	return append(out, '}')
}
