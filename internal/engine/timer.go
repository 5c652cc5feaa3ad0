package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TimerOp is what an entry does to one timer of its channel: it sets it, in the
// place of one with the same conversation and key, or cancels it.
//
// It is stored as JSON, within an [Entry] and within a [Timer]; fields may be
// added, none may change meaning. Durations are nanoseconds.
type TimerOp struct {
	Conversation string `json:"conversation"`
	Key          string `json:"key"`
	Cancel       bool   `json:"cancel,omitempty"` // then nothing below is set

	After time.Duration `json:"after,omitempty"` // until it is due first, from the entry's At
	At    time.Time     `json:"at,omitzero"`     // when it is due first; in place of After
	Every time.Duration `json:"every,omitempty"`
	Cron  string        `json:"cron,omitempty"`
	Zone  string        `json:"zone,omitempty"`

	Payload  string            `json:"payload,omitempty"`
	Source   json.RawMessage   `json:"source,omitempty"`   // of the event that set it, as LINE tells a source
	Messages []json.RawMessage `json:"messages,omitempty"` // pushed when it is due, in place of an event
}

// Recurs reports whether the timer comes again.
func (op *TimerOp) Recurs() bool { return op.Every > 0 || op.Cron != "" }

// Steady is a reading of one process's monotonic clock.
type Steady struct {
	Process string        `json:"process"` // names the process
	Elapsed time.Duration `json:"elapsed"` // since it began
}

// Timer is a timer that waits for its time.
//
// Stored form: a head of one version byte 1, one byte of flags, Due (ns since
// 1970, 8 bytes), Count (8 bytes) and the varints Set and Op; then JSON of the rest
// up to the end, in which fields may be added and none may change meaning. From
// one time to the next it does not grow: a full store takes it again.
type Timer struct {
	TimerHead
	TimerOp
	Channel string    `json:"channel"`
	EventID string    `json:"eventId,omitempty"` // of the event whose handler set it
	SetAt   time.Time `json:"setAt"`
}

// TimerHead is what of a timer is needed to wait for it.
type TimerHead struct {
	Seq   uint64    `json:"-"` // its place in the store; each time it is put it gets a new one
	Due   time.Time `json:"-"`
	Timed bool      `json:"-"` // Due is the end of a duration, and no time that was asked for
	Set   Pos       `json:"-"` // the record of the outbox that set it
	Op    int       `json:"-"` // place among the entry's TimerOps
	Count int       `json:"-"` // how often it was due before
}

const timerVersion = 1

const flagTimed = 1 << 0

// ID names one time that the timer is due. No other ever has the same name.
func (h *TimerHead) ID() string {
	return fmt.Sprintf("%s%x-%x-%x", TimerID, uint64(h.Set), h.Op, h.Count)
}

// TimerID is how the IDs of events begin that timers make.
const TimerID = "timer-"

// AppendBinary appends the stored form.
func (t *Timer) AppendBinary(b []byte) ([]byte, error) {
	var flags byte
	if t.Timed {
		flags |= flagTimed
	}
	b = append(b, timerVersion, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Due.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.Count))
	b = binary.AppendUvarint(b, uint64(t.Set))
	b = binary.AppendUvarint(b, uint64(t.Op))
	data, err := json.Marshal(t)
	if err != nil {
		return b, errors.New("timer cannot be encoded") // the JSON error may quote a message
	}
	return append(b, data...), nil
}

var errTimer = errors.New("damaged timer record")

// ParseTimer reads the stored form, without Seq.
func ParseTimer(rec []byte) (Timer, error) {
	head, rest, err := parseTimerHead(rec)
	if err != nil {
		return Timer{}, err
	}
	t := Timer{TimerHead: head}
	if err := json.Unmarshal(rest, &t); err != nil {
		return Timer{}, errTimer // the JSON error may quote a message
	}
	return t, nil
}

// parseTimerHead reads the head and returns what stands behind it.
func parseTimerHead(rec []byte) (h TimerHead, rest []byte, err error) {
	if len(rec) < 18 || rec[0] != timerVersion {
		return h, nil, errTimer
	}
	h.Timed = rec[1]&flagTimed != 0
	h.Due = time.Unix(0, int64(binary.BigEndian.Uint64(rec[2:])))
	h.Count = int(binary.BigEndian.Uint64(rec[10:]))
	rest = rec[18:]
	var numbers [2]uint64
	for i := range numbers {
		n, width := binary.Uvarint(rest)
		if width <= 0 {
			return h, nil, errTimer
		}
		numbers[i], rest = n, rest[width:]
	}
	h.Set, h.Op = Pos(numbers[0]), int(numbers[1])
	return h, rest, nil
}

// EntryID names the outbox entry of a timer that sends, by one time that it is
// due.
func (t *Timer) EntryID() string { return t.Channel + "/" + t.ID() }

// TimerEntry returns the [TimerHead.ID] of the timer that made an entry, if rec is
// such an entry.
func TimerEntry(rec []byte) (id string, ok bool) {
	if !IsEntry(rec) || !bytes.Contains(rec, []byte("/"+TimerID)) {
		return "", false
	}
	v, err := ParseOutbox(rec)
	if err != nil {
		return "", false
	}
	_, id, ok = strings.Cut(v.(*Entry).ID, "/")
	return id, ok && strings.HasPrefix(id, TimerID)
}
