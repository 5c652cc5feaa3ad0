package transcript

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// readAhead is how many batches of a log wait to be written.
const readAhead = 16

// source is a log that is read. Its reader fills batches; everything else belongs
// to the writer.
type source struct {
	log     *engine.Log
	batches chan engine.Batch
	head    *engine.Batch // the next one, nil for none
	next    engine.Pos    // behind the last batch that was taken
	quiet   time.Time     // everything that was stored before it was taken
}

func newSource(log *engine.Log, from engine.Pos) *source {
	return &source{log: log, batches: make(chan engine.Batch, readAhead), next: from}
}

// follow reads the log until ctx ends.
func (src *source) follow(ctx context.Context) error {
	err := src.log.Follow(ctx, src.next, func(b engine.Batch) error {
		select {
		case src.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return errors.Join(err, ctx.Err())
}

// peek makes the next batch the head if it is there.
func (src *source) peek() {
	if src.head != nil {
		return
	}
	select {
	case b := <-src.batches:
		src.head = &b
	default:
	}
}

// pop takes the head.
func (src *source) pop() engine.Batch {
	b := *src.head
	src.head = nil
	src.next = engine.After(b)
	return b
}

// calm reports whether everything that is stored now was taken.
func (src *source) calm(ctx context.Context) (bool, error) {
	now := time.Now()
	st, err := src.log.State(ctx)
	if err != nil || st.Messages > 0 && src.next.Seq() <= st.Last {
		return false, err
	}
	src.quiet = now
	return true, nil
}

// session writes from the last checkpoint on until something fails or ctx ends.
func (s *Service) session(ctx context.Context) error {
	cp, err := s.loadCheckpoint(ctx)
	if err != nil {
		return err
	}
	s.stored(cp)
	w, err := s.begin(ctx, cp)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.inbox.follow(ctx) })
	g.Go(func() error { return w.outbox.follow(ctx) })
	g.Go(func() error { return w.run(ctx) })
	return g.Wait()
}

// await waits until a batch comes from any of the sources, and a moment for others, or
// for so long.
func (w *writer) await(ctx context.Context, most time.Duration) error {
	limit := time.NewTimer(most)
	defer limit.Stop()
	select {
	case b := <-w.inbox.batches:
		w.inbox.head = &b
	case b := <-w.outbox.batches:
		w.outbox.head = &b
	case <-limit.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(collect):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// choose returns the source whose head was stored first, nil when none is there.
// It waits until no other can come before it.
func (w *writer) choose(ctx context.Context) (*source, error) {
	for {
		w.inbox.peek()
		w.outbox.peek()
		in, out := w.inbox, w.outbox
		switch {
		case in.head == nil && out.head == nil:
			return nil, nil
		case in.head != nil && out.head != nil:
			if out.head.Stored.Before(in.head.Stored) {
				return out, nil
			}
			return in, nil
		case in.head == nil:
			in, out = out, in
		}
		// in has a head and out has none.
		if in.head.Stored.Before(out.quiet) {
			return in, nil
		}
		if calm, err := out.calm(ctx); calm || err != nil {
			return in, err
		}
		select {
		case b := <-out.batches:
			out.head = &b
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
