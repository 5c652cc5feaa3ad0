package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Kinds of dead letters.
const (
	DeadEvent     = "event"     // a handler gave it up
	DeadMalformed = "malformed" // the front desk could not read it
	DeadSend      = "send"      // LINE did not take it
	DeadDamaged   = "damaged"   // the letter itself cannot be read; it can only be dropped
)

// Letter is a dead letter: what could not be done, why, and how often it was
// tried. It is stored as JSON; fields may be added, none may change meaning.
type Letter struct {
	ID           uint64    `json:"-"` // its sequence in the store
	Kind         string    `json:"kind"`
	Channel      string    `json:"channel"`
	Conversation string    `json:"conversation,omitempty"`
	EventID      string    `json:"eventId,omitempty"`
	Run          int       `json:"run,omitempty"` // how often it was taken back from here
	Accepted     time.Time `json:"accepted,omitzero"`
	Died         time.Time `json:"died"`
	Reason       string    `json:"reason"`
	Attempts     int       `json:"attempts"`
	// Body is the raw event, or of a send the JSON of its [Entry].
	Body []byte `json:"body"`
}

// Dead holds the dead letters. Methods may be called concurrently. When it is
// full it takes no more, and what would die is tried again later.
type Dead struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	barrier *barrier

	events, malformed, sends atomic.Int64 // letters put since the start, by kind
}

// Since returns how many letters of a kind were put since the store was opened.
func (d *Dead) Since(kind string) int64 {
	if n := d.counter(kind); n != nil {
		return n.Load()
	}
	return 0
}

func (d *Dead) counter(kind string) *atomic.Int64 {
	switch kind {
	case DeadEvent:
		return &d.events
	case DeadMalformed:
		return &d.malformed
	case DeadSend:
		return &d.sends
	}
	return nil
}

func (o opener) dead(ctx context.Context) (*Dead, error) {
	stream, err := o.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        "DEAD",
		Subjects:    []string{"dead.>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    deadMaxBytes,
		Replicas:    o.replicas,
		AllowDirect: true,
	})
	if err != nil {
		return nil, fmt.Errorf("stream DEAD: %w", err)
	}
	return &Dead{js: o.js, stream: stream, barrier: o.e.barrier}, nil
}

// Put stores letters and returns when they are durable.
func (d *Dead) Put(ctx context.Context, letters ...Letter) error {
	for _, letter := range letters {
		data, err := json.Marshal(letter)
		if err != nil {
			return fmt.Errorf("dead letter of event %s: %w", letter.EventID, err)
		}
		_, err = d.js.Publish(ctx, "dead."+keyWord(letter.Channel), data)
		if isFull(err) {
			return fmt.Errorf("dead letters: %w; retry or drop some", ErrFull)
		}
		if err != nil {
			return fmt.Errorf("dead letter of event %s: %w", letter.EventID, err)
		}
		if n := d.counter(letter.Kind); n != nil {
			n.Add(1)
		}
	}
	if d.barrier == nil {
		return nil
	}
	return d.barrier.wait()
}

// keyWord makes a subject word of a name.
func keyWord(name string) string {
	if name == "" {
		return "-"
	}
	return strings.NewReplacer(".", "_", " ", "_", "*", "_", ">", "_").Replace(name)
}

// Get returns one letter; ErrNotFound when there is none.
func (d *Dead) Get(ctx context.Context, id uint64) (Letter, error) {
	msg, err := d.stream.GetMsg(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, fmt.Errorf("dead letter %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("dead letter %d: %w", id, err)
	}
	return decodeLetter(msg)
}

// List calls fn with every letter behind the given ID, oldest first. fn may
// return false to stop.
func (d *Dead) List(ctx context.Context, after uint64, fn func(Letter) bool) error {
	for {
		msg, err := d.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject("dead.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list dead letters: %w", err)
		}
		letter, err := decodeLetter(msg)
		if err != nil {
			letter = Letter{ID: msg.Sequence, Kind: DeadDamaged, Died: msg.Time, Reason: err.Error(), Body: msg.Data}
		}
		if !fn(letter) {
			return nil
		}
		after = letter.ID
	}
}

func decodeLetter(msg *jetstream.RawStreamMsg) (Letter, error) {
	var letter Letter
	if err := json.Unmarshal(msg.Data, &letter); err != nil {
		return Letter{}, fmt.Errorf("dead letter %d is damaged; drop it with 'frontdesk dead drop %d'", msg.Sequence, msg.Sequence)
	}
	letter.ID = msg.Sequence
	return letter, nil
}

// Delete removes a letter for good; ErrNotFound when there is none.
func (d *Dead) Delete(ctx context.Context, id uint64) error {
	err := d.stream.DeleteMsg(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("dead letter %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("delete dead letter %d: %w", id, err)
	}
	if d.barrier == nil {
		return nil
	}
	return d.barrier.wait() // or a power loss could bring it back
}

// Count returns how many letters there are.
func (d *Dead) Count(ctx context.Context) (uint64, error) {
	info, err := d.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return info.State.Msgs, nil
}
