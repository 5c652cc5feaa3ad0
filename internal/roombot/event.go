package roombot

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// wireEvent is a send in the form of LINE's webhook events, so that handlers,
// workers and operators read it like any other. There is no reply token: answers
// are pushes.
type wireEvent struct {
	Type            string           `json:"type"`
	Mode            string           `json:"mode"`
	Timestamp       int64            `json:"timestamp"` // ms
	Source          frontdesk.Source `json:"source"`
	WebhookEventID  string           `json:"webhookEventId"`
	DeliveryContext deliveryContext  `json:"deliveryContext"`
	Message         any              `json:"message,omitempty"`
	Postback        *postback        `json:"postback,omitempty"`
	Unsend          *unsend          `json:"unsend,omitempty"`
}

type deliveryContext struct {
	IsRedelivery bool `json:"isRedelivery"`
}

type postback struct {
	Data string `json:"data"`
}

type unsend struct {
	MessageID string `json:"messageId"`
}

// message is what of a body is not the body's.
type message struct {
	ID      string             `json:"id"`
	Mention *frontdesk.Mention `json:"mention,omitempty"`
}

var errBody = errors.New("what was sent is no message") // unreachable: the room has checked it

// eventOf returns the event of a send.
func eventOf(m Sent, bot string, now time.Time) (*engine.Event, error) {
	w := wireEvent{
		Mode: "active", Timestamp: now.UnixMilli(), Source: sourceOf(m), WebhookEventID: eventID(m.User, m.CID),
		DeliveryContext: deliveryContext{m.Again},
	}
	if err := w.say(m, bot); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return nil, errBody
	}
	return &engine.Event{
		ID: w.WebhookEventID, Channel: Channel, Conversation: w.Source.Conversation(), Accepted: now, Redelivered: m.Again, Raw: raw,
	}, nil
}

// say sets what the event is about.
func (w *wireEvent) say(m Sent, bot string) error {
	if m.Del != 0 {
		w.Type, w.Unsend = frontdesk.TypeUnsend, &unsend{messageID(m.Del)}
		return nil
	}
	var body struct{ Type, Text, Data string }
	if err := json.Unmarshal(m.Body, &body); err != nil || body.Type == "" {
		return errBody
	}
	if body.Type == frontdesk.TypePostback {
		w.Type, w.Postback = frontdesk.TypePostback, &postback{body.Data}
		return nil
	}
	own := message{ID: messageID(m.ID)}
	w.Type = frontdesk.TypeMessage
	if m.Edit != 0 {
		w.Type, own.ID = frontdesk.TypeEdited, messageID(m.Edit)
	}
	if w.Source.Type == "group" {
		own.Mention = mentionOf(body.Text, bot)
	}
	head, err := json.Marshal(own)
	if err != nil {
		return errBody
	}
	w.Message = json.RawMessage(string(head[:len(head)-1]) + "," + strings.TrimPrefix(string(m.Body), "{"))
	return nil
}

// sourceOf returns where a send happened.
func sourceOf(m Sent) frontdesk.Source {
	if strings.HasPrefix(m.Room, botRoom) {
		return frontdesk.Source{Type: "user", UserID: m.User}
	}
	return frontdesk.Source{Type: "group", GroupID: groupOfBot + m.Room, UserID: m.User}
}

// eventID names the event of a send. The way of making it must not change while
// the inbox remembers events of the old one.
func eventID(user, cid string) string {
	sum := sha256.Sum256([]byte(user + "\x00" + cid))
	return "web-" + base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// messageID is how LINE's events name a message of a room.
func messageID(id uint64) string { return strconv.FormatUint(id, 10) }
