package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The outbox holds three kinds of records, told apart by their first byte:
// entries, and two notes of what became of an entry's calls. What follows is
// JSON; fields may be added, none may change meaning.
const (
	kindEntry   = 'E'
	kindTried   = 'T'
	kindSettled = 'S'
)

// Entry is all that one event sends, and what it does to timers. It is also the
// record that the event is done.
type Entry struct {
	ID      string    `json:"id"` // the event's Key, or another name that is used once
	Channel string    `json:"channel"`
	EventID string    `json:"eventId,omitempty"`
	At      time.Time `json:"at"`
	Sends   []Send    `json:"sends"`
	Bulk    bool      `json:"bulk,omitempty"` // campaign traffic: what others send goes first

	Timers []TimerOp `json:"timers,omitempty"` // in order
	Steady *Steady   `json:"steady,omitempty"` // taken with At, of entries that set timers by duration
}

// timersMark stands in the stored form of every entry with timers.
const timersMark = `"timers":`

// MayHaveTimers reports, without decoding it, whether an outbox record may be an
// entry with timers. It is rarely wrong, and never for one that is.
func MayHaveTimers(rec []byte) bool { return IsEntry(rec) && bytes.Contains(rec, []byte(timersMark)) }

// Send is messages for one conversation, or for many users at once: then it has
// at most five messages, no reply token, and either Users or Broadcast.
type Send struct {
	To         string            `json:"to,omitempty"`
	Users      []string          `json:"users,omitempty"`     // receivers of a multicast, at most 500
	Broadcast  bool              `json:"broadcast,omitempty"` // to all friends of the channel
	ReplyToken string            `json:"replyToken,omitempty"`
	ReplyUntil time.Time         `json:"replyUntil,omitzero"` // when LINE's minute for the token ends
	Silent     bool              `json:"silent,omitempty"`    // no sound or notice on the phones; goes in calls of its own
	Units      []string          `json:"units,omitempty"`     // that LINE counts it in; goes in calls of its own
	Messages   []json.RawMessage `json:"messages"`
}

// CallID names a group of at most five messages of a send: what of it goes in
// one call to LINE. Of a multicast to Users, call 0 is the multicast itself and
// call n+1 what the nth user gets when LINE refuses that.
type CallID struct {
	Entry string `json:"entry"`
	Send  int    `json:"send"` // place in the entry
	Call  int    `json:"call"`
}

// Tried is the note, made before a call is sent, that it may reach LINE. A call
// is named by the first of its parts.
type Tried struct {
	CallID
	Way   string    `json:"way"`             // "reply", "push", "multicast" or "broadcast"
	With  []CallID  `json:"with,omitempty"`  // what else the call takes, in order
	Token int       `json:"token,omitempty"` // of a reply, whose token it uses: 0 for the first part's
	At    time.Time `json:"at"`
}

// Outcomes of a call.
const (
	OutcomeSent = "sent" // LINE accepted it
	OutcomeDead = "dead" // it and the rest of its send became a dead letter
	// OutcomeRefused says of a try that LINE did certainly not take it. Its
	// parts go on, without the reply token if Way is "reply", and each alone if
	// it is "multicast".
	OutcomeRefused = "refused"
)

// Settled is the note of what became of a call, or of a try at it: of all the
// parts that Tried names.
type Settled struct {
	CallID
	Outcome   string    `json:"outcome"`
	Last      bool      `json:"last,omitempty"` // of the first part's send; other parts are whole sends
	Way       string    `json:"way,omitempty"`
	RequestID string    `json:"requestId,omitempty"` // LINE's
	At        time.Time `json:"at"`
}

// AppendBinary appends the stored form.
func (e *Entry) AppendBinary(b []byte) ([]byte, error) { return appendJSON(b, kindEntry, e) }

// AppendBinary appends the stored form.
func (t *Tried) AppendBinary(b []byte) ([]byte, error) { return appendJSON(b, kindTried, t) }

// AppendBinary appends the stored form.
func (s *Settled) AppendBinary(b []byte) ([]byte, error) { return appendJSON(b, kindSettled, s) }

func appendJSON(b []byte, kind byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	return append(append(b, kind), data...), nil
}

var errOutbox = errors.New("damaged outbox record")

// ParseOutbox reads a record of the outbox: an *Entry, *Tried or *Settled.
func ParseOutbox(rec []byte) (any, error) {
	if len(rec) == 0 {
		return nil, errOutbox
	}
	var v any
	switch rec[0] {
	case kindEntry:
		v = new(Entry)
	case kindTried:
		v = new(Tried)
	case kindSettled:
		v = new(Settled)
	default:
		return nil, fmt.Errorf("%w: kind %q", errOutbox, rec[0])
	}
	if err := json.Unmarshal(rec[1:], v); err != nil {
		return nil, errOutbox // the JSON error may quote a message
	}
	return v, nil
}

// entryHead begins the stored form of every entry: ID is its first field.
const entryHead = string(kindEntry) + `{"id":"`

// EntryID returns the ID of an outbox record if it is an entry. It decodes
// nothing else where it can.
func EntryID(rec []byte) (id string, ok bool) {
	if !IsEntry(rec) {
		return "", false
	}
	if rest, ok := bytes.CutPrefix(rec, []byte(entryHead)); ok {
		if end := bytes.IndexAny(rest, `"\\`); end >= 0 && rest[end] == '"' {
			return string(rest[:end]), true
		}
	}
	v, err := ParseOutbox(rec)
	entry, ok := v.(*Entry)
	if err != nil || !ok {
		return "", false
	}
	return entry.ID, true
}

// IsEntry reports whether an outbox record is an entry, without decoding it.
func IsEntry(rec []byte) bool { return len(rec) > 0 && rec[0] == kindEntry }
