package dispatch

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// rememberFor is how long the ID of an event is known at least, also when
	// the inbox had to make room and gave the event up.
	rememberFor = 10 * time.Minute
	// maxForgotten bounds the IDs known beyond what the inbox holds: 160 MiB.
	maxForgotten = 4 << 20
	// indexLoadLimit bounds how long a redelivered event waits for old IDs.
	indexLoadLimit = 2 * time.Minute
)

// eventID is the identity of an event as a 64-bit hash: in a million events
// two share one with a probability of 1 in 10^7.
type eventID uint64

// idIndex knows the IDs of the events that the inbox holds and the place where
// each stood first. Methods may be called concurrently.
type idIndex struct {
	mu     sync.RWMutex
	first  map[eventID]engine.Pos
	cuts   []cut         // trims whose IDs are still remembered
	begins uint64        // the first sequence that the inbox holds
	loaded chan struct{} // closed when all IDs that were stored before the start are known
}

// cut is a trim of the inbox.
type cut struct {
	before uint64 // sequence
	at     time.Time
}

func newIDIndex() *idIndex {
	return &idIndex{first: map[eventID]engine.Pos{}, loaded: make(chan struct{})}
}

// hashSeed makes IDs unpredictable from outside; the index is never stored.
var hashSeed = maphash.MakeSeed()

func idOf(ev *engine.Event) eventID {
	type identity struct {
		channel, id string
		run         int
	}
	return eventID(maphash.Comparable(hashSeed, identity{ev.Channel, ev.ID, ev.Run}))
}

// add notes an event and returns where its ID was seen first.
func (x *idIndex) add(id eventID, pos engine.Pos) engine.Pos {
	x.mu.Lock()
	defer x.mu.Unlock()
	if first, ok := x.first[id]; ok && first <= pos {
		return first
	}
	x.first[id] = pos
	return pos
}

// complete reports whether all older IDs are known.
func (x *idIndex) complete() bool {
	select {
	case <-x.loaded:
		return true
	default:
		return false
	}
}

// recheck waits for the older IDs and reports whether the event at pos is a
// duplicate.
func (x *idIndex) recheck(ctx context.Context, id eventID, pos engine.Pos) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, indexLoadLimit)
	defer cancel()
	select {
	case <-x.loaded:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.first[id] < pos, nil
}

// load adds what the inbox holds before end. It returns early with ctx, and
// with an error, which it logs: redelivered events then wait.
func (x *idIndex) load(ctx context.Context, inbox *engine.Log, end engine.Pos, lg *slog.Logger) {
	err := inbox.Scan(ctx, 0, func(b engine.Batch) bool {
		if b.Seq >= end.Seq() {
			return false
		}
		x.addBatch(b)
		return true
	})
	if err != nil {
		if ctx.Err() == nil {
			lg.Error("IDs of old events could not be read; redelivered events wait until a restart", "error", err)
		}
		return
	}
	close(x.loaded)
}

func (x *idIndex) addBatch(b engine.Batch) {
	for pos, rec := range b.Records() {
		if ev, err := engine.ParseEvent(rec); err == nil {
			x.add(idOf(&ev), pos)
		}
	}
}

// trimmed tells that the inbox begins at a sequence now. Older IDs are
// forgotten later.
func (x *idIndex) trimmed(before uint64, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if before > x.begins {
		x.begins = before
		x.cuts = append(x.cuts, cut{before, now})
	}
	over := len(x.first) > maxForgotten && x.forgottenLocked() > maxForgotten
	var forget uint64
	for len(x.cuts) > 0 && (over || now.Sub(x.cuts[0].at) >= rememberFor) {
		forget = x.cuts[0].before
		x.cuts = x.cuts[1:]
	}
	if forget == 0 {
		return
	}
	for id, pos := range x.first {
		if pos.Seq() < forget {
			delete(x.first, id)
		}
	}
}

// forgottenLocked counts the IDs whose events the inbox gave up.
func (x *idIndex) forgottenLocked() (n int) {
	for _, pos := range x.first {
		if pos.Seq() < x.begins {
			n++
		}
	}
	return n
}

// size returns how many IDs are known.
func (x *idIndex) size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.first)
}
