package linesim

import (
	"encoding/json"
	"time"
)

// event is a webhook event in LINE's form (webhook.yml). Properties without a value are left out, as
// LINE does.
type event struct {
	Type            string          `json:"type"`
	Message         json.RawMessage `json:"message,omitempty"`
	Follow          *followDetail   `json:"follow,omitempty"`
	Joined          *members        `json:"joined,omitempty"`
	Left            *members        `json:"left,omitempty"`
	Unsend          *unsendDetail   `json:"unsend,omitempty"`
	Postback        *Postback       `json:"postback,omitempty"`
	Link            *linkDetail     `json:"link,omitempty"`
	Delivery        *deliveryDetail `json:"delivery,omitempty"`
	WebhookEventID  string          `json:"webhookEventId"`
	DeliveryContext deliveryContext `json:"deliveryContext"`
	Timestamp       int64           `json:"timestamp"`
	Source          source          `json:"source,omitzero"`
	ReplyToken      string          `json:"replyToken,omitempty"`
	Mode            string          `json:"mode"`
}

type source struct {
	Type    string `json:"type"`
	UserID  string `json:"userId,omitempty"`
	GroupID string `json:"groupId,omitempty"`
	RoomID  string `json:"roomId,omitempty"`
}

type deliveryContext struct {
	IsRedelivery bool `json:"isRedelivery"`
}

type followDetail struct {
	IsUnblocked bool `json:"isUnblocked"`
}

type members struct {
	Members []source `json:"members"`
}

type unsendDetail struct {
	MessageID string `json:"messageId"`
}

type linkDetail struct {
	Result string `json:"result"`
	Nonce  string `json:"nonce"`
}

type deliveryDetail struct {
	Data string `json:"data"`
}

// outgoing is an event on its way: what LINE tells, and what the simulator must know to send it.
type outgoing struct {
	event
	// chatID is the user, group or room: events of one chat are delivered in order.
	chatID string
	// withToken gives the event a reply token.
	withToken bool
}

func userSource(userID string) source { return source{Type: "user", UserID: userID} }

// chatSource is the source of an event in a group or room; userID may be empty.
func chatSource(groupID, userID string) source {
	if groupID[0] == 'R' {
		return source{Type: "room", RoomID: groupID, UserID: userID}
	}
	return source{Type: "group", GroupID: groupID, UserID: userID}
}

func followEvent(userID string, unblocked bool) outgoing {
	return outgoing{
		event:     event{Type: "follow", Source: userSource(userID), Follow: &followDetail{IsUnblocked: unblocked}},
		chatID:    userID,
		withToken: true,
	}
}

// memberEvent is a memberJoined or memberLeft event. Only the former can be replied to (webhook.yml).
func memberEvent(kind, groupID, userID string) outgoing {
	ev := event{Type: kind, Source: chatSource(groupID, "")}
	who := &members{Members: []source{userSource(userID)}}
	if kind == "memberJoined" {
		ev.Joined = who
	} else {
		ev.Left = who
	}
	return outgoing{event: ev, chatID: groupID, withToken: kind == "memberJoined"}
}

// roomLocked reports why no further webhook can be taken, or nil. It is asked before the state
// changes, so that a refused call has no effect.
func (s *Simulator) roomLocked() error {
	if s.closed {
		return ErrClosed
	}
	return s.sender.room()
}

// emitLocked completes an event, notes it and hands it to the sender. It returns the event's id. The
// caller has asked roomLocked and holds Simulator.mu since.
func (s *Simulator) emitLocked(o outgoing) string {
	now := time.Now()
	o.WebhookEventID = newULID(now)
	o.Timestamp = now.UnixMilli()
	o.Mode = "active"
	var grant *tokenGrant
	if o.withToken {
		o.ReplyToken = randomHex(16)
		grant = &tokenGrant{token: o.ReplyToken, chatID: o.chatID, eventID: o.WebhookEventID, bornAt: now}
	}
	raw, err := json.Marshal(o.event)
	if err != nil {
		// Unreachable: every part of an event was made here or checked to be JSON.
		s.log.Error("event left out", "webhookEventId", o.WebhookEventID, "error", err)
		return o.WebhookEventID
	}
	s.noteEventLocked(o.WebhookEventID, raw, grant)
	s.dispatchLocked(o.chatID, &delivery{events: []queuedEvent{{id: o.WebhookEventID, raw: raw, grant: grant}}})
	return o.WebhookEventID
}
