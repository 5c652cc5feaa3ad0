package engine

import (
	"sync"
	"time"
)

// gatherPause is the least time between the end of one flush and the request for
// the next: under load more shares each. What comes after a pause waits for none.
const gatherPause = time.Millisecond

// gathering holds back what was written until a flush that began later has made
// it durable: what comes while one flush is under way shares the next one.
//
// add may be called concurrently. release gets what is durable, in the order of
// add, or what is not with the reason; its calls do not overlap, and it must not
// block. What is held back is bounded by those who add.
type gathering[T any] struct {
	barrier *barrier // nil: everything is durable as it comes
	release func([]T, error)

	mu        sync.Mutex
	next      []T // came since the flush under way was asked for
	flushes   []T // wait for that flush
	asked     bool
	flushedAt time.Time
}

func (g *gathering[T]) add(v T) {
	if g.barrier == nil {
		g.release([]T{v}, nil)
		return
	}
	g.mu.Lock()
	g.next = append(g.next, v)
	ask := !g.asked
	g.asked = true
	pause := gatherPause - time.Since(g.flushedAt)
	g.mu.Unlock()
	switch {
	case !ask:
	case pause > 0:
		time.AfterFunc(pause, g.ask)
	default:
		g.ask()
	}
}

// ask lets everything that has come wait for a flush.
func (g *gathering[T]) ask() {
	g.mu.Lock()
	g.flushes, g.next = g.next, nil
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
	ask := g.asked
	g.mu.Unlock()
	if ask {
		time.AfterFunc(gatherPause, g.ask)
	}
}
