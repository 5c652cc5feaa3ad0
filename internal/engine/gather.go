package engine

import (
	"sync"
	"time"
)

const (
	// gatherPause is the least time between the end of one flush and the request for
	// the next: under load more shares each. What comes after a pause waits for none.
	gatherPause = time.Millisecond
	// patience is how long what is in no hurry waits for a flush that something else
	// asks for, before it asks for one.
	patience = 50 * time.Millisecond
)

// gathering holds back what was written until a flush that began later has made
// it durable: what comes while one flush is under way shares the next one.
//
// add and addPatient may be called concurrently. release gets what is durable, in the
// order of these calls, or what is not with the reason; its calls do not overlap, and
// it must not block. What is held back is bounded by those who add.
type gathering[T any] struct {
	barrier *barrier // nil: everything is durable as it comes
	release func([]T, error)

	mu        sync.Mutex
	next      []T         // came since the flush under way was asked for
	hurried   bool        // some of next is in a hurry
	flushes   []T         // wait for that flush
	asked     bool        // a flush is under way, or soon asked for
	patient   *time.Timer // asks for one that nothing needs soon; nil for none
	flushedAt time.Time
}

func (g *gathering[T]) add(v T) { g.hold(v, true) }

// addPatient is add for what is in no hurry.
func (g *gathering[T]) addPatient(v T) { g.hold(v, false) }

func (g *gathering[T]) hold(v T, hurried bool) {
	if g.barrier == nil {
		g.release([]T{v}, nil)
		return
	}
	g.mu.Lock()
	g.next = append(g.next, v)
	g.hurried = g.hurried || hurried
	hastens := hurried && g.patient != nil && g.patient.Stop()
	ask := hastens || !g.asked
	g.asked = true
	pause := gatherPause - time.Since(g.flushedAt)
	switch {
	case hastens:
		g.patient = nil
	case ask && !hurried:
		g.waitLocked()
		ask = false
	}
	g.mu.Unlock()
	switch {
	case !ask:
	case pause > 0:
		time.AfterFunc(pause, g.ask)
	default:
		g.ask()
	}
}

// waitLocked asks for a flush after some patience.
func (g *gathering[T]) waitLocked() { g.patient = time.AfterFunc(patience, g.ask) }

// ask lets everything that has come wait for a flush.
func (g *gathering[T]) ask() {
	g.mu.Lock()
	g.flushes, g.next = g.next, nil
	g.hurried, g.patient = false, nil
	g.mu.Unlock()
	g.barrier.then(g.flushed)
}

// flushed releases what waited for this flush and sees to it that what came
// meanwhile has its own.
func (g *gathering[T]) flushed(err error) {
	g.release(g.flushes, err)
	g.mu.Lock()
	g.flushedAt = time.Now()
	g.asked = len(g.next) > 0
	ask := g.asked && g.hurried
	if g.asked && !ask {
		g.waitLocked()
	}
	g.mu.Unlock()
	if ask {
		time.AfterFunc(gatherPause, g.ask)
	}
}
