package timer

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// wireEvent is a timer's event in the form of LINE's, so that handlers, workers
// and operators read it like any other.
type wireEvent struct {
	Type            string               `json:"type"`
	Mode            string               `json:"mode"`
	Timestamp       int64                `json:"timestamp"` // ms
	Source          json.RawMessage      `json:"source"`
	WebhookEventID  string               `json:"webhookEventId"`
	DeliveryContext deliveryContext      `json:"deliveryContext"`
	Timer           frontdesk.FiredTimer `json:"timer"`
}

type deliveryContext struct {
	IsRedelivery bool `json:"isRedelivery"`
}

// eventOf returns the event of a timer that is due.
func eventOf(t *engine.Timer, now time.Time) (*engine.Event, error) {
	source := t.Source
	if len(source) == 0 {
		source = sourceOf(t.Conversation)
	}
	id := t.ID()
	raw, err := json.Marshal(wireEvent{
		Type: frontdesk.TypeTimer, Mode: "active", Timestamp: t.Due.UnixMilli(), Source: source, WebhookEventID: id,
		Timer: frontdesk.FiredTimer{Key: t.Key, Payload: t.Payload, Due: t.Due, Count: t.Count + 1},
	})
	if err != nil {
		return nil, fmt.Errorf("event of timer %s cannot be encoded", id) // the JSON error may quote the payload
	}
	return &engine.Event{ID: id, Channel: t.Channel, Conversation: t.Conversation, Accepted: now, Raw: raw}, nil
}

// sourceOf makes a source of a conversation that no event is known of. LINE's
// IDs tell by their first letter what they name. Source: Messaging API reference,
// Source.
func sourceOf(conversation string) json.RawMessage {
	source := map[string]string{"type": "user", "userId": conversation}
	switch {
	case strings.HasPrefix(conversation, "C"):
		source = map[string]string{"type": "group", "groupId": conversation}
	case strings.HasPrefix(conversation, "R"):
		source = map[string]string{"type": "room", "roomId": conversation}
	}
	data, err := json.Marshal(source)
	if err != nil {
		return nil // unreachable: strings can be encoded
	}
	return data
}

// entryOf returns the entry of a timer that sends.
func entryOf(t *engine.Timer, now time.Time) *engine.Entry {
	return &engine.Entry{
		ID: t.EntryID(), Channel: t.Channel, EventID: t.EventID, At: now,
		Sends: []engine.Send{{To: t.Conversation, Messages: t.Messages}},
	}
}
