package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func lowerSubject(stream string) string { return strings.ToLower(stream) }

// readAhead is how many messages a reader has fetched before they are asked
// for; with chunkBytes it bounds a reader's memory to 16 MiB in common use.
const readAhead = 128

// readerTimeout bounds asking the store for a reader, which is done again: a
// question may be lost together with the server that it was put to.
const readerTimeout = 5 * time.Second

// forgetTimeout bounds telling the store that a reader has ended.
const forgetTimeout = time.Second

// Follow calls fn for every batch that holds a record at or after from, in
// order, and then for every batch that is appended, until ctx ends or fn
// errs; it returns that error. fn sees batches before they are durable.
// Records that Trim took away are skipped.
func (l *Log) Follow(ctx context.Context, from Pos, fn func(Batch) error) error {
	return followStream(ctx, l.stream, from.Seq(), readAhead, func(msg jetstream.Msg) (uint64, error) {
		b, err := toBatch(msg)
		if err != nil {
			return 0, errAgain
		}
		return b.Seq, fn(b)
	})
}

// errAgain as the error of a message lets it be read again.
var errAgain = errors.New("read again")

// followStream calls fn for every message of a stream from a sequence on, and then
// for every one that is stored, until ctx ends or fn errs; it returns that error.
// fn returns the message's sequence. ahead is how many are fetched before they are
// asked for.
func followStream(ctx context.Context, stream jetstream.Stream, from uint64, ahead int, fn func(jetstream.Msg) (uint64, error)) error {
	for {
		next, err := followOnce(ctx, stream, from, ahead, fn)
		if err != nil && !errors.Is(err, errAgain) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		from = next // the subscription broke: go on behind what fn has seen
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond): // no busy loop while the store is away
		}
	}
}

// followOnce reads until its subscription ends. It returns where to go on, and
// fn's error.
func followOnce(ctx context.Context, stream jetstream.Stream, from uint64, ahead int, fn func(jetstream.Msg) (uint64, error)) (uint64, error) {
	asking, cancel := context.WithTimeout(ctx, readerTimeout)
	cons, err := stream.OrderedConsumer(asking, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   max(from, 1),
	})
	cancel()
	if err != nil {
		return from, ctx.Err()
	}
	defer forget(ctx, stream, cons)
	msgs, err := cons.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return from, ctx.Err()
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Stop)()
	untilDone := []jetstream.NextOpt{jetstream.NextContext(ctx)} // a Stop while it subscribes anew is lost
	for {
		msg, err := msgs.Next(untilDone...)
		if err != nil {
			return from, nil
		}
		seq, err := fn(msg)
		if err != nil {
			return from, err
		}
		from = seq + 1
	}
}

// forget removes a reader's consumer, which the store would keep for minutes.
func forget(ctx context.Context, stream jetstream.Stream, cons jetstream.Consumer) {
	info := cons.CachedInfo()
	if info == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, info.Name) // the store does it in the end
}

func toBatch(msg jetstream.Msg) (Batch, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Batch{}, err
	}
	return Batch{Seq: meta.Sequence.Stream, Stored: meta.Timestamp, data: msg.Data()}, nil
}

// errStop ends a scan.
var errStop = errors.New("stop")

// Scan calls fn for every batch from from up to the present end of the log,
// in order. fn may return false to stop.
func (l *Log) Scan(ctx context.Context, from Pos, fn func(Batch) bool) error {
	st, err := l.State(ctx)
	if err != nil {
		return err
	}
	end := st.Last
	if st.Messages == 0 || end < from.Seq() {
		return nil
	}
	err = l.Follow(ctx, from, func(b Batch) error {
		if !fn(b) || b.Seq >= end {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// Get reads the batch that holds the record at p; ErrNotFound when it was
// trimmed or never stored.
func (l *Log) Get(ctx context.Context, p Pos) (Batch, error) {
	msg, err := l.stream.GetMsg(ctx, p.Seq())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Batch{}, fmt.Errorf("%s record %v: %w", l.name, p, ErrNotFound)
	}
	if err != nil {
		return Batch{}, fmt.Errorf("read %s record %v: %w", l.name, p, err)
	}
	return Batch{Seq: msg.Sequence, Stored: msg.Time, data: msg.Data}, nil
}

// LogState is how far a log reaches.
type LogState struct {
	First, Last uint64 // sequences; First is Last+1 when the log is empty
	Messages    uint64
	Bytes       uint64
	FirstStored time.Time
}

// State asks the store for the log's state.
func (l *Log) State(ctx context.Context) (LogState, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return LogState{}, fmt.Errorf("state of %s: %w", l.name, err)
	}
	st := info.State
	if st.Msgs == 0 {
		return LogState{First: st.LastSeq + 1, Last: st.LastSeq}, nil
	}
	return LogState{First: st.FirstSeq, Last: st.LastSeq, Messages: st.Msgs, Bytes: st.Bytes, FirstStored: st.FirstTime}, nil
}

// End returns the place behind the last record of the log.
func (l *Log) End(ctx context.Context) (Pos, error) {
	st, err := l.State(ctx)
	return newPos(st.Last+1, 0), err
}

// Since returns a place from which on every record stored at or after t can
// be read, by halving: messages stand in the order of their times.
func (l *Log) Since(ctx context.Context, t time.Time) (Pos, error) {
	st, err := l.State(ctx)
	if err != nil {
		return 0, err
	}
	lo, hi := st.First, st.Last+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		b, err := l.Get(ctx, newPos(mid, 0))
		switch {
		case errors.Is(err, ErrNotFound):
			lo = mid + 1 // trimmed meanwhile
		case err != nil:
			return 0, err
		case b.Stored.Before(t):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return newPos(lo, 0), nil
}
