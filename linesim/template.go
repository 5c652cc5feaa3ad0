package linesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxRepeat bounds Template.Repeat.
const maxRepeat = 10_000

// Template describes events to send: one of LINE's types with valid contents, or an event that was sent
// before, both with changes. Triggered events tell of what did not happen: a triggered follow makes nobody a
// friend, a triggered message is on no phone. The media of a triggered message can be fetched.
type Template struct {
	// Event is an event as it is given, of any type. Of Event, Type and WebhookEventID there must be one.
	Event json.RawMessage `json:"event,omitempty"`
	// Type is an event type, see EventTypes.
	Type string `json:"type,omitempty"`
	// MessageType is the type of the message of a message event. Empty: text.
	MessageType string `json:"messageType,omitempty"`
	// UserID is whom the event is about. Empty: the first user.
	UserID string `json:"userId,omitempty"`
	// GroupID lets the event happen in a group or room. Empty: one-on-one, or the first group for events that
	// are of groups only.
	GroupID string `json:"groupId,omitempty"`
	// WebhookEventID names an event that was sent. It is sent as it was, with the same id; to have it marked
	// as redelivered, override deliveryContext.
	WebhookEventID string `json:"webhookEventId,omitempty"`
	// Override is merged into the event: objects property by property, all else as it is.
	Override json.RawMessage `json:"override,omitempty"`
	// Remove takes properties away, after Override; "source.userId" is one inside another.
	Remove []string `json:"remove,omitempty"`
	// Repeat is how many events are sent, up to 10,000, each with its own id and reply token unless Override
	// sets them. Zero: one.
	Repeat int `json:"repeat,omitempty"`
}

// jsonObject is a JSON object that is being made.
type jsonObject = map[string]any

// TriggerTemplate sends the events that a template describes and returns their ids. When the queue of webhooks
// is full it stops, with those that were sent and ErrQueueFull.
func (s *Simulator) TriggerTemplate(t Template) ([]string, error) {
	if t.Repeat < 0 || t.Repeat > maxRepeat {
		return nil, fmt.Errorf("%w repeat: %d, want 0 to %d", ErrInvalid, t.Repeat, maxRepeat)
	}
	override, err := parseObject(t.Override)
	if err != nil {
		return nil, fmt.Errorf("%w override: %s", ErrInvalid, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []string{}
	for range max(1, t.Repeat) {
		ev, err := s.baseLocked(t)
		if err != nil {
			return ids, err
		}
		merge(ev, override)
		settle(ev, override)
		for _, path := range t.Remove {
			remove(ev, path)
		}
		id, err := s.sendObjectLocked(ev)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// baseLocked returns the event of a template without its changes.
func (s *Simulator) baseLocked(t Template) (jsonObject, error) {
	given := 0
	for _, yes := range []bool{t.Event != nil, t.Type != "", t.WebhookEventID != ""} {
		if yes {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, fmt.Errorf("%w template: give either event, type or webhookEventId", ErrInvalid)
	case t.Type != "":
		return s.madeUpLocked(t)
	case t.Event != nil:
		ev, err := parseObject(t.Event)
		if err != nil {
			return nil, fmt.Errorf("%w event: %s, to send anything else give the whole body", ErrInvalid, err.Error())
		}
		return ev, nil
	}
	trace, ok := s.events.get(t.WebhookEventID)
	if !ok {
		return nil, fmt.Errorf("event %s: %w", quoteID(t.WebhookEventID), ErrNotFound)
	}
	return parseObject(trace.raw)
}

// sendObjectLocked sends an event.
func (s *Simulator) sendObjectLocked(ev jsonObject) (string, error) {
	fields := make(map[string]json.RawMessage, len(ev))
	for name, value := range ev {
		raw, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("%w event: %s", ErrInvalid, err.Error())
		}
		fields[name] = raw
	}
	return s.triggerLocked(fields, time.Now())
}

// settle takes away what LINE leaves out of certain events, unless the override asks for it: the reply token
// while another module has the chat (mode standby), and reply token and source of a failed account link.
func settle(ev, override jsonObject) {
	var absent []string
	if ev["mode"] == "standby" {
		absent = []string{"replyToken"}
	}
	if link, ok := ev["link"].(jsonObject); ok && link["result"] == "failed" {
		absent = []string{"replyToken", "source"}
	}
	for _, name := range absent {
		if _, asked := override[name]; !asked {
			delete(ev, name)
		}
	}
}

// parseObject reads a JSON object; nothing is an empty one. Numbers stay as they are written.
func parseObject(raw json.RawMessage) (jsonObject, error) {
	out := jsonObject{}
	if len(raw) == 0 {
		return out, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil || out == nil {
		return nil, errors.New("want a JSON object")
	}
	return out, nil
}

// merge puts the properties of from into into.
func merge(into, from jsonObject) {
	for name, value := range from {
		old, isObject := into[name].(jsonObject)
		if more, both := value.(jsonObject); isObject && both {
			merge(old, more)
			continue
		}
		into[name] = value
	}
}

// remove takes the property at path away, if it is there.
func remove(ev jsonObject, path string) {
	name, rest, inner := strings.Cut(path, ".")
	if !inner {
		delete(ev, name)
		return
	}
	if o, ok := ev[name].(jsonObject); ok {
		remove(o, rest)
	}
}

// EventTypes returns the event types that Template makes, in alphabetical order.
func EventTypes() []string {
	var names []string
	for name := range eventMakers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
