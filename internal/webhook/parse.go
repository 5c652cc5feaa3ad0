package webhook

import (
	"errors"

	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxID bounds event and conversation IDs. LINE's are 26 and 33 long.
	maxID = 64
)

// request is a webhook's body, taken apart.
type request struct {
	events    []engine.Event // without Channel and Accepted
	malformed []malformed
}

// malformed is an event that cannot be filed.
type malformed struct {
	id     string // where it has one
	raw    []byte
	reason string
}

// split takes a webhook's body apart. Its errors go to the sender and say
// nothing of what was in the body. The events' bytes are copies.
func split(body []byte) (request, error) {
	if !gjson.ValidBytes(body) {
		return request{}, errors.New("body is not valid JSON")
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return request{}, errors.New("body is not a JSON object")
	}
	events := root.Get("events")
	if !events.IsArray() {
		return request{}, errors.New("body has no list of events")
	}
	var req request
	events.ForEach(func(_, raw gjson.Result) bool {
		ev, reason := file(raw)
		if reason != "" {
			req.malformed = append(req.malformed, malformed{id: ev.ID, raw: []byte(raw.Raw), reason: reason})
			return true
		}
		ev.Raw = []byte(raw.Raw)
		req.events = append(req.events, ev)
		return true
	})
	return req, nil
}

// file reads what an event is filed under, or tells why it cannot be.
func file(raw gjson.Result) (ev engine.Event, reason string) {
	if !raw.IsObject() {
		return ev, "event is not an object"
	}
	var seenType, seenTime bool
	raw.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
			seenType = value.Type == gjson.String && value.Str != ""
		case "webhookEventId":
			ev.ID = id(value)
		case "timestamp":
			seenTime = value.Type == gjson.Number
		case "source":
			ev.Conversation, reason = conversation(value)
		case "deliveryContext":
			ev.Redelivered = value.Get("isRedelivery").Bool()
		}
		return reason == ""
	})
	switch {
	case reason != "":
	case !seenType:
		reason = "event has no type"
	case ev.ID == "":
		reason = "event has no usable webhookEventId"
	case !seenTime:
		reason = "event has no numeric timestamp"
	case ev.Conversation == "":
		// Events without a source have no order to keep: each is a
		// conversation of its own.
		ev.Conversation = ev.ID
	}
	return ev, reason
}

// conversation returns the ID of the chat that a source is in.
func conversation(source gjson.Result) (string, string) {
	if !source.IsObject() {
		return "", "source is not an object"
	}
	if source.Get("type").Type != gjson.String {
		return "", "source has no type"
	}
	for _, field := range []string{"groupId", "roomId", "userId"} {
		value := source.Get(field)
		if !value.Exists() {
			continue
		}
		if id := id(value); id != "" {
			return id, ""
		}
		return "", "source has no usable " + field
	}
	return "", "" // a user who did not consent: LINE leaves the ID out
}

// id returns an ID that may be part of a key in the store, or "".
func id(value gjson.Result) string {
	if value.Type != gjson.String || len(value.Str) > maxID {
		return ""
	}
	for i := range len(value.Str) {
		c := value.Str[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return ""
		}
	}
	return value.Str
}
