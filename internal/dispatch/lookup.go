package dispatch

import (
	"context"
	"sync"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// lookup tells whether entries stand in the outbox whose append failed: the
// store may have taken them and said so too late. All who ask while the log is
// read share the next reading, so that a store that comes back is not asked by
// thousands of handlers at once. Methods may be called concurrently.
type lookup struct {
	outbox *engine.Log

	reading sync.Mutex // held by the round that is read
	mu      sync.Mutex
	next    *round // who asks now joins it; nil when nobody waits
}

// round is one reading of the log. Its fields are guarded by lookup.mu until the
// reading begins, and nobody changes them once over is closed.
type round struct {
	from  engine.Pos            // nobody's entry stands before it
	found map[string]engine.Pos // by entry ID, for all that are asked for; 0 for none
	over  chan struct{}
	err   error
}

// find returns the place of an entry at or behind from, 0 if the outbox does not
// hold it and what was appended before never will.
func (l *lookup) find(ctx context.Context, id string, from engine.Pos) (engine.Pos, error) {
	l.mu.Lock()
	r := l.next
	first := r == nil
	if first {
		r = &round{from: from, found: map[string]engine.Pos{}, over: make(chan struct{})}
		l.next = r
	}
	r.from = min(r.from, from)
	r.found[id] = 0
	l.mu.Unlock()
	if first {
		l.lead(ctx, r)
	}
	select {
	case <-r.over:
		return r.found[id], r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// lead reads for all who have joined a round by the time that the one before is
// over.
func (l *lookup) lead(ctx context.Context, r *round) {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	defer close(r.over)
	r.err = l.read(ctx, r)
}

// read looks for the entries of a round.
func (l *lookup) read(ctx context.Context, r *round) error {
	return engine.SweepOutbox(ctx, l.outbox, r.from, func(pos engine.Pos, rec []byte) {
		id, _ := engine.EntryID(rec)
		if first, asked := r.found[id]; asked && first == 0 {
			r.found[id] = pos
		}
	})
}
