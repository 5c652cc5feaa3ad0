package engine

import (
	"context"
	"sync"
	"time"
)

// Lookup tells whether entries stand in the outbox whose append failed: the
// store may have taken them and said so too late. All who ask while the log is
// read share the next reading, so that a store that comes back is not asked by
// thousands of handlers at once. Methods may be called concurrently.
type Lookup struct {
	outbox *Log

	reading sync.Mutex // held by the round that is read
	mu      sync.Mutex
	next    *round // who asks now joins it; nil when nobody waits
}

// NewLookup returns a lookup in an outbox.
func NewLookup(outbox *Log) *Lookup { return &Lookup{outbox: outbox} }

// round is one reading of the log. Its fields are guarded by Lookup.mu until the
// reading begins, and nobody changes them once over is closed.
type round struct {
	from  Pos            // nobody's entry stands before it
	found map[string]Pos // by entry ID, for all that are asked for; 0 for none
	over  chan struct{}
	err   error
}

// Find returns the place of an entry at or behind from, 0 if the outbox does not
// hold it and what was appended before never will.
func (l *Lookup) Find(ctx context.Context, id string, from Pos) (Pos, error) {
	l.mu.Lock()
	r := l.next
	first := r == nil
	if first {
		r = &round{from: from, found: map[string]Pos{}, over: make(chan struct{})}
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
func (l *Lookup) lead(ctx context.Context, r *round) {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	defer close(r.over)
	r.err = l.read(ctx, r)
}

// read looks for the entries of a round. It first appends a note that is about
// nothing: what was appended earlier, however late the store took it, stands
// before the note or nowhere.
func (l *Lookup) read(ctx context.Context, r *round) error {
	note := &Settled{CallID: CallID{Send: -1}, At: time.Now()}
	if _, _, err := l.outbox.Append(note); err != nil {
		return err
	}
	return l.outbox.Scan(ctx, r.from, func(b Batch) bool {
		for pos, rec := range b.Records() {
			id, _ := EntryID(rec)
			if first, asked := r.found[id]; asked && first == 0 {
				r.found[id] = pos
			}
		}
		return true
	})
}
