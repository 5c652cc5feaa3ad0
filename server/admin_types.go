package server

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// Stats says how much is stored.
type Stats struct {
	Inbox       LogStats `json:"inbox"`
	Outbox      LogStats `json:"outbox"`
	DeadLetters uint64   `json:"deadLetters"`
}

// LogStats is the size of a log.
type LogStats struct {
	Batches uint64    `json:"batches"` // messages of the store, each of one or more records
	Bytes   uint64    `json:"bytes"`
	Oldest  time.Time `json:"oldest,omitzero"` // zero when it is empty
}

// EventQuery chooses stored events. Zero fields choose all.
type EventQuery struct {
	Channel, Conversation string
	// After lists what came after a position, as the rows tell it, or after a
	// time in RFC 3339, oldest first. Without it the newest come first, those
	// before the position Before if that is set.
	After  string
	Before uint64
	Limit  int // rows, at most 1,000; 0 for 20
}

func (q EventQuery) values() url.Values {
	v := url.Values{}
	setText(v, "channel", q.Channel)
	setText(v, "conversation", q.Conversation)
	setText(v, "after", q.After)
	setNumber(v, "before", q.Before)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	return v
}

// EventPage is rows of stored events.
type EventPage struct {
	Events []EventRow `json:"events"`
	// Next is where the search ended, for After or Before of the next query;
	// 0 at the end of the log. A page may be short, or empty, and still have
	// a next one.
	Next uint64 `json:"next,omitempty"`
}

// EventRow is a stored event without what a user wrote.
type EventRow struct {
	Position     uint64    `json:"position"` // grows with the inbox
	ID           string    `json:"id"`       // LINE's webhookEventId
	Channel      string    `json:"channel"`
	Conversation string    `json:"conversation"`
	Accepted     time.Time `json:"accepted"`
	Type         string    `json:"type"`
	MessageType  string    `json:"messageType,omitempty"`
	Redelivered  bool      `json:"redelivered,omitempty"`
	Run          int       `json:"run,omitempty"` // how often it was taken back from the dead letters
	Bytes        int       `json:"bytes"`
}

// EventDetail is all that is known of an event.
type EventDetail struct {
	EventRow
	Steps   []WayStep   `json:"steps"` // in the order of their times
	Letters []LetterRow `json:"deadLetters,omitempty"`
	// Incomplete says that the search took too long: steps or dead letters
	// may be missing.
	Incomplete bool            `json:"incomplete,omitempty"`
	Raw        []byte          `json:"raw"`             // every byte as LINE sent it
	Event      json.RawMessage `json:"event,omitempty"` // the same as JSON
}

// WayStep is one point on the way of an event, as it is remembered or as the
// store tells it.
type WayStep struct {
	Step
	Note string `json:"note,omitempty"`
}

// LetterQuery chooses dead letters. Zero fields choose all.
type LetterQuery struct {
	Kind, Channel, Conversation string
	Reason                      string // a part of the reason
	After                       uint64 // ID
	Limit                       int    // rows, at most 1,000; 0 for 20
}

func (q LetterQuery) values() url.Values {
	v := url.Values{}
	setText(v, "kind", q.Kind)
	setText(v, "channel", q.Channel)
	setText(v, "conversation", q.Conversation)
	setText(v, "reason", q.Reason)
	setNumber(v, "after", q.After)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	return v
}

// LetterPage is rows of dead letters, oldest first.
type LetterPage struct {
	Letters []LetterRow `json:"letters"`
	Next    uint64      `json:"next,omitempty"` // After of the next query; 0 at the end
	Total   uint64      `json:"total"`          // of all letters, chosen or not
}

// LetterRow is a dead letter without its content.
type LetterRow struct {
	ID           uint64    `json:"id"`
	Kind         string    `json:"kind"` // event, malformed or send
	Channel      string    `json:"channel"`
	Conversation string    `json:"conversation,omitempty"`
	EventID      string    `json:"eventId,omitempty"`
	Run          int       `json:"run,omitempty"`
	Accepted     time.Time `json:"accepted,omitzero"`
	Died         time.Time `json:"died"`
	Reason       string    `json:"reason"`
	Attempts     int       `json:"attempts"`
	Bytes        int       `json:"bytes"`
}

// LetterDetail is a whole dead letter.
type LetterDetail struct {
	LetterRow
	Body    []byte          `json:"body"`              // the raw event, or of a send what was to be sent
	Content json.RawMessage `json:"content,omitempty"` // the same, where it is JSON
}

// UserQuery chooses users. Zero fields choose all.
type UserQuery struct {
	Channel string
	State   string // friend, blocked or seen
	After   string // channel and user ID, joined by a slash
	Limit   int    // rows, at most 1,000; 0 for 20
}

func (q UserQuery) values() url.Values {
	v := url.Values{}
	setText(v, "channel", q.Channel)
	setText(v, "state", q.State)
	setText(v, "after", q.After)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	return v
}

// UserPage is users in the order of their last change.
type UserPage struct {
	Users []UserRow `json:"users"`
	Next  string    `json:"next,omitempty"` // After of the next query; "" at the end
}

// UserRow is a user of a channel.
type UserRow struct {
	Channel     string             `json:"channel"`
	UserID      string             `json:"userId"`
	State       string             `json:"state"`
	Since       time.Time          `json:"since"` // of the state
	IsUnblocked bool               `json:"isUnblocked,omitempty"`
	FirstSeen   time.Time          `json:"firstSeen"`
	Profile     *frontdesk.Profile `json:"profile,omitempty"`
	ProfileAt   time.Time          `json:"profileAt,omitzero"`
}

func setText(v url.Values, key, text string) {
	if text != "" {
		v.Set(key, text)
	}
}

func setNumber(v url.Values, key string, n uint64) {
	if n != 0 {
		v.Set(key, strconv.FormatUint(n, 10))
	}
}
