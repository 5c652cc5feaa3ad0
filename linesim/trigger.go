package linesim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// autoToken as the replyToken of a triggered event asks for a made-up one.
const autoToken = `"auto"`

// Trigger sends one event as it is given, of any type, known or not, with what is missing of the common
// properties filled in: webhookEventId, timestamp, mode and deliveryContext. A replyToken, or one made up
// for "auto", is valid for the chat that the event's source names. It returns the event's id.
func (s *Simulator) Trigger(ev json.RawMessage) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(ev, &fields); err != nil || fields == nil {
		return "", fmt.Errorf("%w event: want a JSON object, to send anything else give the whole body", ErrInvalid)
	}
	now := time.Now()
	for name, value := range map[string]string{
		"webhookEventId":  `"` + newULID(now) + `"`,
		"timestamp":       strconv.FormatInt(now.UnixMilli(), 10),
		"mode":            `"active"`,
		"deliveryContext": `{"isRedelivery":false}`,
	} {
		if _, given := fields[name]; !given {
			fields[name] = json.RawMessage(value)
		}
	}
	if string(fields["replyToken"]) == autoToken {
		fields["replyToken"] = json.RawMessage(`"` + randomHex(16) + `"`)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return "", fmt.Errorf("%w event: %s", ErrInvalid, err.Error())
	}
	ids, err := s.trigger(s.wrapEvents(raw), "")
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", nil // the webhookEventId given is not a string
	}
	return ids[0], nil
}

// TriggerBody sends any bytes as a webhook, signed rightly, or with the given signature where that is not
// empty. As far as the body is one of LINE's, the reply tokens in it are valid and its events are known to
// EventPath. It returns the ids of its events.
func (s *Simulator) TriggerBody(body []byte, signature string) ([]string, error) {
	return s.trigger(body, signature)
}

// trigger sends body and remembers the events in it.
func (s *Simulator) trigger(body []byte, signature string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomLocked(); err != nil {
		return nil, err
	}
	d := &delivery{body: body, signature: signature}
	chat := ""
	now := time.Now()
	if gjson.ValidBytes(body) {
		gjson.GetBytes(body, "events").ForEach(func(_, ev gjson.Result) bool {
			q := queuedEvent{id: ev.Get("webhookEventId").Str}
			chatID := chatOf(ev.Get("source"))
			if chat == "" {
				chat = chatID
			}
			if q.id != "" {
				s.noteEventLocked(q.id, json.RawMessage(ev.Raw))
			}
			if token := ev.Get("replyToken").Str; token != "" && chatID != "" {
				q.grant = &tokenGrant{token: token, chatID: chatID, eventID: q.id, bornAt: now}
			}
			d.events = append(d.events, q)
			return true
		})
	}
	s.dispatchLocked(chat, d)
	return d.ids(), nil
}

// chatOf returns the id of the chat that a source names, "" for none that LINE could have.
func chatOf(source gjson.Result) string {
	for _, name := range []string{"groupId", "roomId", "userId"} {
		if id := source.Get(name).Str; id != "" {
			if !validChatID(id, "UCR") {
				return ""
			}
			return id
		}
	}
	return ""
}
