package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// parkedReserve is left beyond the limit of parked answers, so that they can be
// taken when there is no room for new ones.
const parkedReserve = 64 << 20

// Answer is what a slow handler sent to its event's own conversation, kept until
// the user asks for it. It is stored as JSON; fields may be added, none may
// change meaning.
type Answer struct {
	Key          string            `json:"key"` // of the event that it answers
	Channel      string            `json:"channel"`
	Conversation string            `json:"conversation"`
	EventID      string            `json:"eventId"`
	Messages     []json.RawMessage `json:"messages"`
	TakenBy      string            `json:"takenBy,omitempty"` // ID of the event that asked for it; "" while it waits
	At           time.Time         `json:"-"`                 // when it was put or taken, by the store's clock
}

// Parked holds answers that wait for their users, one for each key. Methods may
// be called concurrently. What they write is durable when they return.
type Parked struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	barrier *barrier
	limit   int64 // in bytes
}

func (o opener) parked(ctx context.Context, maxBytes int64) (*Parked, error) {
	stream, err := o.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              "PARKED",
		Subjects:          []string{"parked.>"},
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		MaxBytes:          maxBytes + parkedReserve,
		MaxMsgsPerSubject: -1, // write deletes the earlier one
		Replicas:          o.replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("stream PARKED: %w", err)
	}
	return &Parked{js: o.js, stream: stream, barrier: o.e.barrier, limit: maxBytes}, nil
}

// Put stores an answer in the place of an earlier one with its key. It returns
// ErrFull when there is no room and ErrTooLarge when there never will be; the
// earlier one is then still there.
func (p *Parked) Put(ctx context.Context, a Answer) error {
	info, err := p.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("answer to event %s: %w", a.EventID, err)
	}
	if info.State.Bytes >= uint64(p.limit) {
		return fmt.Errorf("parked answers: %w", ErrFull)
	}
	return p.write(ctx, a)
}

// Take notes which event asked for an answer.
func (p *Parked) Take(ctx context.Context, a Answer, by string) error {
	a.TakenBy = by
	return p.write(ctx, a)
}

// write stores an answer and deletes an earlier one with its key, and more where
// processes were killed in between. A limit of the stream for each subject must not do
// that: what it removes leaves no trace on disk, and would come back if the later one
// is deleted and the process killed.
func (p *Parked) write(ctx context.Context, a Answer) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("answer to event %s cannot be encoded", a.EventID) // the JSON error may quote a message
	}
	subject := parkedSubject(a.Key)
	_, err = p.js.Publish(ctx, subject, data)
	if err == nil {
		err = p.stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeKeep(1))
	}
	switch {
	case isFull(err):
		return fmt.Errorf("parked answers: %w", ErrFull)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("answer to event %s: %w", a.EventID, ErrTooLarge)
	case err != nil:
		return fmt.Errorf("answer to event %s: %w", a.EventID, err)
	}
	return p.flush()
}

// Get returns the answer of a key; ErrNotFound when there is none that can be
// read.
func (p *Parked) Get(ctx context.Context, key string) (Answer, error) {
	msg, err := p.stream.GetLastMsgForSubject(ctx, parkedSubject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Answer{}, fmt.Errorf("parked answer %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("parked answer %s: %w", key, err)
	}
	a, ok := decodeAnswer(msg)
	if !ok {
		return Answer{}, fmt.Errorf("parked answer %s is damaged: %w", key, ErrNotFound)
	}
	return a, nil
}

// List calls fn with every answer in the order of At, but for damaged ones. fn
// may delete what it gets, and return false to stop.
func (p *Parked) List(ctx context.Context, fn func(Answer) bool) error {
	for seq := uint64(1); ; {
		msg, err := p.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("parked.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list parked answers: %w", err)
		}
		if a, ok := decodeAnswer(msg); ok && !fn(a) {
			return nil
		}
		seq = msg.Sequence + 1
	}
}

func decodeAnswer(msg *jetstream.RawStreamMsg) (a Answer, ok bool) {
	err := json.Unmarshal(msg.Data, &a)
	a.At = msg.Time
	return a, err == nil
}

// Delete removes the answer of a key for good. A key without one is no error.
func (p *Parked) Delete(ctx context.Context, key string) error {
	if err := p.stream.Purge(ctx, jetstream.WithPurgeSubject(parkedSubject(key))); err != nil {
		return fmt.Errorf("delete parked answer %s: %w", key, err)
	}
	return p.flush()
}

// Count returns how many answers there are.
func (p *Parked) Count(ctx context.Context) (uint64, error) {
	info, err := p.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("count parked answers: %w", err)
	}
	return info.State.Msgs, nil
}

func (p *Parked) flush() error {
	if p.barrier == nil {
		return nil
	}
	return p.barrier.wait()
}

// parkedSubject makes a subject of a key, which may hold any bytes.
func parkedSubject(key string) string {
	return "parked." + base64.RawURLEncoding.EncodeToString([]byte(key))
}
