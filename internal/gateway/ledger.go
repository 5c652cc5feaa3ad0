package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// onceLimit bounds how long a call waits until it is known what the outbox holds.
	onceLimit = 10 * time.Second
	// loadPause is the wait before an outbox that could not be read is read again.
	loadPause = time.Second
)

// ledger stores entries once: it knows which of those that must not be stored
// twice the outbox holds. Methods may be called concurrently.
type ledger struct {
	outbox *engine.Log
	seed   maphash.Seed
	loaded chan struct{} // closed when all that was stored before the start is known

	sweeping sync.Mutex // held by who finds out what became of failed appends

	mu     sync.Mutex
	places map[uint64]place         // by the hash of the entry's ID
	busy   map[string]chan struct{} // by ID: being stored; closed when that is over
	tail   engine.Pos               // the outbox reaches at least to here
	begins uint64                   // the first sequence that the outbox holds, as far as is known
	failed int                      // appends of which the store did not say whether it took them
	unsure engine.Pos               // what it took of them stands at or behind this place; 0 when that is known
}

// place is where an entry stands.
type place struct {
	pos     engine.Pos
	forward uint64 // of the reply token that was used; 0 when it is not known or there was none
}

func newLedger(outbox *engine.Log) *ledger {
	return &ledger{
		outbox: outbox, seed: maphash.MakeSeed(), loaded: make(chan struct{}),
		places: map[uint64]place{}, busy: map[string]chan struct{}{},
	}
}

// Entries whose ID has one of these are stored once.
const (
	replySuffix = "#reply"
	keyInfix    = "#key#"
)

// load learns what the outbox holds, and tries again until it has or ctx ends.
func (l *ledger) load(ctx context.Context, lg *slog.Logger) {
	for {
		err := l.scan(ctx)
		if err == nil {
			close(l.loaded)
			return
		}
		if ctx.Err() != nil {
			return
		}
		lg.Error("outbox could not be read, so bots behind the gateway cannot reply yet; trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(loadPause):
		}
	}
}

func (l *ledger) scan(ctx context.Context) error {
	end, err := l.outbox.End(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.tail = max(l.tail, end)
	l.mu.Unlock()
	return l.outbox.Scan(ctx, 0, func(b engine.Batch) bool {
		if b.Seq >= end.Seq() {
			return false
		}
		for pos, rec := range b.Records() {
			l.learn(pos, rec)
		}
		return true
	})
}

// learn notes where a record stands that must not be stored twice.
func (l *ledger) learn(pos engine.Pos, rec []byte) {
	id, ok := engine.EntryID(rec)
	if !ok || !strings.HasSuffix(id, replySuffix) && !strings.Contains(id, keyInfix) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[l.hash(id)].pos == 0 {
		l.places[l.hash(id)] = place{pos: pos}
	}
}

func (l *ledger) hash(id string) uint64 { return maphash.String(l.seed, id) }

// trimmed forgets what stood before a sequence.
func (l *ledger) trimmed(first uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first == l.begins {
		return
	}
	l.begins = first
	for h, p := range l.places {
		if p.pos.Seq() < first {
			delete(l.places, h)
		}
	}
}

// append stores an entry that need not be known again.
func (l *ledger) append(entry *engine.Entry) error {
	_, last, err := l.outbox.Append(entry)
	if err == nil {
		l.mu.Lock()
		l.tail = max(l.tail, last)
		l.mu.Unlock()
	}
	return err
}

// former is an entry that was stored before.
type former struct {
	messages int    // in each call
	forward  uint64 // see place
}

// once stores an entry unless the outbox holds one of its ID, which it returns.
// forward is kept beside a new one; refusal, if there is one, is returned in
// place of storing it. Any other error leaves open whether the entry is stored;
// whoever asks again finds out.
func (l *ledger) once(ctx context.Context, entry *engine.Entry, forward uint64, refusal error) (*former, error) {
	ctx, cancel := context.WithTimeout(ctx, onceLimit)
	defer cancel()
	select {
	case <-l.loaded:
	case <-ctx.Done():
		return nil, fmt.Errorf("what the outbox holds is not known yet: %w", ctx.Err())
	}
	leave, err := l.enter(ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	defer leave()
	at, err := l.find(ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	if at.pos != 0 {
		if was, err := l.get(ctx, entry.ID, at); was != nil || err != nil {
			return was, err
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	return nil, l.store(entry, forward)
}

// enter waits until nobody else stores an entry of this ID, and keeps others
// out until leave is called.
func (l *ledger) enter(ctx context.Context, id string) (leave func(), err error) {
	for {
		l.mu.Lock()
		other := l.busy[id]
		if other == nil {
			mine := make(chan struct{})
			l.busy[id] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.busy, id)
				l.mu.Unlock()
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// get returns the entry at a place; nil when it is another one, of the same
// hash.
func (l *ledger) get(ctx context.Context, id string, at place) (*former, error) {
	b, err := l.outbox.Get(ctx, at.pos)
	if errors.Is(err, engine.ErrNotFound) {
		return &former{forward: at.forward}, nil // just trimmed
	}
	if err != nil {
		return nil, err
	}
	rec, err := b.Record(at.pos)
	if err != nil {
		return nil, err
	}
	v, err := engine.ParseOutbox(rec)
	if err != nil {
		return nil, err
	}
	entry, ok := v.(*engine.Entry)
	if !ok || entry.ID != id {
		return nil, nil
	}
	was := &former{forward: at.forward}
	if len(entry.Sends) > 0 {
		was.messages = len(entry.Sends[0].Messages)
	}
	return was, nil
}

// find returns where the entry of an ID stands that the caller has entered. After
// appends that failed it first finds out what the store took of them.
func (l *ledger) find(ctx context.Context, id string) (place, error) {
	if l.known() {
		return l.at(id), nil
	}
	l.sweeping.Lock()
	defer l.sweeping.Unlock()
	l.mu.Lock()
	from, failed := l.unsure, l.failed
	l.mu.Unlock()
	if from == 0 {
		return l.at(id), nil
	}
	if err := engine.SweepOutbox(ctx, l.outbox, from, l.learn); err != nil {
		return place{}, err
	}
	l.mu.Lock()
	if l.failed == failed { // else another one failed meanwhile
		l.unsure = 0
	}
	l.mu.Unlock()
	return l.at(id), nil
}

func (l *ledger) known() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsure == 0
}

func (l *ledger) at(id string) place {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places[l.hash(id)]
}

// store stores an entry that the outbox does not hold.
func (l *ledger) store(entry *engine.Entry, forward uint64) error {
	l.mu.Lock()
	tail := l.tail
	l.mu.Unlock()
	_, last, err := l.outbox.Append(entry)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.places[l.hash(entry.ID)] = place{last, forward}
		l.tail = max(l.tail, last)
	case !errors.Is(err, engine.ErrTooLarge):
		l.failed++
		if l.unsure == 0 || tail < l.unsure {
			l.unsure = tail
		}
	}
	return err
}
