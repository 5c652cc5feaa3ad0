package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

const (
	// timersReserve is left beyond the limit of timers, for those whose entries
	// were stored when there was still room, and for the next time of those that
	// come again.
	timersReserve = 64 << 20
	// timersAtOnce bounds the questions under way for one call. More gain
	// nothing: the store answers one after the other.
	timersAtOnce = 16
	// headsAhead is how many timers a reader of all has fetched before they are
	// asked for.
	headsAhead = 1024
	// headsWait is how long it waits for the next one before it asks whether there
	// is one.
	headsWait = time.Second
)

// Timers holds the timers that wait, one for each channel, conversation and key.
// Methods may be called concurrently. What they write is durable after the next
// Engine.Flush or Append.
type Timers struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	limit  int64
}

func (o opener) timers(ctx context.Context, maxBytes int64) (*Timers, error) {
	stream, err := o.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        "TIMERS",
		Subjects:    []string{"timer.>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    maxBytes + timersReserve,
		Replicas:    o.replicas,
		AllowDirect: true,
	})
	if err != nil {
		return nil, fmt.Errorf("stream TIMERS: %w", err)
	}
	return &Timers{js: o.js, stream: stream, limit: maxBytes}, nil
}

// Put stores timers, each in the place of an earlier one with its channel,
// conversation and key, and sets their Seq. After an error some may be stored;
// after that and after a crash one may stand beside the earlier one, until it is
// put again.
func (s *Timers) Put(ctx context.Context, timers ...*Timer) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	again, err := s.publish(ctx, timers, jetstream.WithExpectLastSequencePerSubject(0))
	if err != nil || len(again) == 0 {
		return err
	}
	// The earlier ones are deleted, and not left to a limit of the stream for each
	// subject: what that removes leaves no trace on disk, and comes back when the
	// later one is deleted and the process killed.
	if _, err := s.publish(ctx, again); err != nil {
		return err
	}
	subjects := map[string]struct{}{}
	for _, t := range again {
		subjects[timerSubject(t.Channel, t.Conversation, t.Key)] = struct{}{}
	}
	return each(ctx, slices.Collect(maps.Keys(subjects)), func(ctx context.Context, _ int, subject string) error {
		if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeKeep(1)); err != nil {
			return fmt.Errorf("delete replaced timers: %w", err)
		}
		return nil
	})
}

// publish stores timers beside earlier ones, and returns those that opts refuse
// because there is one.
func (s *Timers) publish(ctx context.Context, timers []*Timer, opts ...jetstream.PublishOpt) (refused []*Timer, err error) {
	acks := make([]jetstream.PubAckFuture, len(timers))
	for i, t := range timers {
		data, err := t.AppendBinary(nil)
		if err == nil {
			acks[i], err = s.js.PublishAsync(timerSubject(t.Channel, t.Conversation, t.Key), data, opts...)
		}
		if err != nil {
			return nil, fmt.Errorf("timer %s: %w", t.ID(), err)
		}
	}
	for i, t := range timers {
		select {
		case ack := <-acks[i].Ok():
			t.Seq = ack.Sequence
		case err := <-acks[i].Err():
			switch {
			case errors.Is(err, jetstream.ErrKeyExists):
				refused = append(refused, t)
				continue
			case isFull(err):
				err = ErrFull
			}
			return nil, fmt.Errorf("timer %s: %w", t.ID(), err)
		case <-ctx.Done():
			return nil, fmt.Errorf("timer %s: %w: %w", t.ID(), ErrBusy, ctx.Err())
		}
	}
	return refused, nil
}

// Get reads timers by their Seq, in that order. Those that are gone, because
// they were deleted, cancelled or replaced, are left out, and damaged ones are
// told to damaged.
func (s *Timers) Get(ctx context.Context, seqs []uint64, damaged func(seq uint64)) ([]*Timer, error) {
	found := make([]*Timer, len(seqs))
	bad := make([]bool, len(seqs))
	err := each(ctx, seqs, func(ctx context.Context, i int, seq uint64) error {
		msg, err := s.stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read timer %d: %w", seq, err)
		}
		t, err := ParseTimer(msg.Data)
		if err != nil {
			bad[i] = true
			return nil
		}
		t.Seq = seq
		found[i] = &t
		return nil
	})
	if err != nil {
		return nil, err
	}
	timers := found[:0]
	for i, t := range found {
		switch {
		case t != nil:
			timers = append(timers, t)
		case bad[i]:
			damaged(seqs[i])
		}
	}
	return timers, nil
}

// each calls f with all of something, several at once, until one errs.
func each[T any](ctx context.Context, all []T, f func(ctx context.Context, i int, one T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(timersAtOnce)
	for i, one := range all {
		g.Go(func() error { return f(ctx, i, one) })
	}
	return g.Wait()
}

// Delete removes timers by their Seq. One that is gone is no error.
func (s *Timers) Delete(ctx context.Context, seqs ...uint64) error {
	return each(ctx, seqs, func(ctx context.Context, _ int, seq uint64) error {
		err := s.stream.DeleteMsg(ctx, seq)
		if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return nil
		}
		return fmt.Errorf("delete timer %d: %w", seq, err)
	})
}

// Cancel removes the timer of a key. That there is none is no error.
func (s *Timers) Cancel(ctx context.Context, channel, conversation, key string) error {
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(timerSubject(channel, conversation, key))); err != nil {
		return fmt.Errorf("cancel a timer of %s: %w", conversation, err)
	}
	return nil
}

// TimerFilter chooses timers. Empty fields choose all.
type TimerFilter struct {
	Channel, Conversation, Key string
}

func (f TimerFilter) subject() string {
	word := func(text string) string {
		if text == "" {
			return "*"
		}
		return subjectWord(text)
	}
	return "timer." + word(f.Channel) + "." + word(f.Conversation) + "." + word(f.Key)
}

// List calls fn with the timers that match, behind a Seq, in the order of Seq.
// fn may return false to stop. Damaged ones are left out. It asks for one after
// the other, which suits few; see Heads for all.
func (s *Timers) List(ctx context.Context, filter TimerFilter, after uint64, fn func(*Timer) bool) error {
	subject := filter.subject()
	for {
		msg, err := s.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list timers: %w", err)
		}
		after = msg.Sequence
		t, err := ParseTimer(msg.Data)
		if err != nil {
			continue
		}
		t.Seq = msg.Sequence
		if !fn(&t) {
			return nil
		}
	}
}

// Heads calls fn with the head of every timer that matches and was put before, but
// for damaged ones, in the order of Seq. Of what is deleted meanwhile some may be
// among them.
func (s *Timers) Heads(ctx context.Context, filter TimerFilter, fn func(TimerHead)) error {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read timers: %w", err)
	}
	last := info.State.LastSeq
	for after := uint64(0); ; {
		msg, err := s.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(filter.subject()))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && msg.Sequence > last {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read timers: %w", err)
		}
		if after, err = s.readHeads(ctx, filter, msg.Sequence, last, fn); err != nil {
			return fmt.Errorf("read timers: %w", err)
		}
	}
}

// readHeads reads from one Seq up to another. It may end early, and returns how
// far it came.
func (s *Timers) readHeads(ctx context.Context, filter TimerFilter, from, last uint64, fn func(TimerHead)) (seq uint64, err error) {
	seq = from - 1
	cons, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter.subject()},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return seq, err
	}
	defer forget(ctx, s.stream, cons)
	msgs, err := cons.Messages(jetstream.PullMaxMessages(headsAhead))
	if err != nil {
		return seq, err
	}
	defer msgs.Stop()
	for seq < last {
		msg, err := msgs.Next(jetstream.NextMaxWait(headsWait))
		if err != nil {
			return seq, ctx.Err() // what it waited for may have been deleted
		}
		meta, err := msg.Metadata()
		if err != nil {
			return seq, err
		}
		seq = meta.Sequence.Stream
		if h, _, err := parseTimerHead(msg.Data()); err == nil && seq <= last {
			h.Seq = seq
			fn(h)
		}
		if meta.NumPending == 0 {
			break
		}
	}
	return seq, ctx.Err()
}

// TimersState is how many timers there are.
type TimersState struct {
	Timers uint64
	Bytes  int64
	Limit  int64 // of Bytes
}

// State asks the store how many timers there are.
func (s *Timers) State(ctx context.Context) (TimersState, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return TimersState{}, fmt.Errorf("state of TIMERS: %w", err)
	}
	return TimersState{Timers: info.State.Msgs, Bytes: int64(info.State.Bytes), Limit: s.limit}, nil
}

// timerSubject names the place of a timer.
func timerSubject(channel, conversation, key string) string {
	return "timer." + subjectWord(channel) + "." + subjectWord(conversation) + "." + subjectWord(key)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// subjectWord makes a word of a subject of any text: LINE's IDs and most names
// stay as they are.
func subjectWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(text))
}
