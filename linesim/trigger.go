package linesim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
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
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.triggerLocked(fields, time.Now())
}

// triggerLocked completes an event and sends it.
func (s *Simulator) triggerLocked(fields map[string]json.RawMessage, now time.Time) (string, error) {
	if err := s.roomLocked(); err != nil {
		return "", err
	}
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
	q, chatID := s.queueLocked(raw, now)
	q.raw = raw
	s.dispatchLocked(chatID, &delivery{events: []queuedEvent{q}})
	return q.id, nil
}

// queueLocked notes an event that was given and returns it with its chat, "" for none.
func (s *Simulator) queueLocked(raw json.RawMessage, now time.Time) (q queuedEvent, chatID string) {
	ev := gjson.ParseBytes(raw)
	chatID = chatOf(ev.Get("source"))
	q.id = ev.Get("webhookEventId").Str // one that is no string is nobody's
	q.again = ev.Get("deliveryContext.isRedelivery").Bool()
	if token := ev.Get("replyToken").Str; token != "" && chatID != "" {
		q.grant = &tokenGrant{token: token, chatID: chatID, eventID: q.id, bornAt: now}
	}
	if q.id != "" {
		q.grant = s.noteEventLocked(q.id, raw, q.grant)
	}
	return q, chatID
}

// TriggerBody sends any bytes as a webhook, signed rightly, or with the given signature where that is not
// empty. As far as the body is one of LINE's, the reply tokens in it are valid and its events are known to
// EventPath. It returns the ids of its events.
func (s *Simulator) TriggerBody(body []byte, signature string) ([]string, error) {
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
			q, chatID := s.queueLocked(json.RawMessage(ev.Raw), now)
			if chat == "" {
				chat = chatID
			}
			d.events = append(d.events, q)
			return true
		})
	}
	ids := d.ids()
	s.dispatchLocked(chat, d)
	return ids, nil
}

// chatOf returns the id of the chat that a source names, "" for none that LINE could have.
func chatOf(source gjson.Result) string {
	for _, name := range []string{"groupId", "roomId", "userId"} {
		if id := source.Get(name).Str; id != "" {
			if !rule.ChatID(id, "UCR") {
				return ""
			}
			return id
		}
	}
	return ""
}
