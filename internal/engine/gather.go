package engine

import "sync"

// gathering holds back what was written until a flush that began later has made
// it durable: what comes while one flush is under way shares the next one.
//
// add may be called concurrently. release gets what is durable, in the order of
// add, or what is not with the reason; its calls do not overlap, and it must not
// block. What is held back is bounded by those who add.
type gathering[T any] struct {
	barrier *barrier // nil: everything is durable as it comes
	release func([]T, error)

	mu      sync.Mutex
	next    []T // came since the flush under way was asked for
	flushes []T // wait for that flush
	asked   bool
}

func (g *gathering[T]) add(v T) {
	if g.barrier == nil {
		g.release([]T{v}, nil)
		return
	}
	g.mu.Lock()
	g.next = append(g.next, v)
	ask := !g.asked
	if ask {
		g.take()
	}
	g.mu.Unlock()
	if ask {
		g.barrier.then(g.flushed)
	}
}

// take lets everything that has come wait for a flush that is yet to be asked
// for. The caller holds mu.
func (g *gathering[T]) take() {
	g.flushes, g.next = g.next, nil
	g.asked = len(g.flushes) > 0
}

// flushed releases what waited for this flush and asks for the next one.
func (g *gathering[T]) flushed(err error) {
	g.release(g.flushes, err)
	g.mu.Lock()
	g.take()
	ask := g.asked
	g.mu.Unlock()
	if ask {
		g.barrier.then(g.flushed)
	}
}
