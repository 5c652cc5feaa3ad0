package engine

import "sync"

// barrier is a group commit for everything in the data folder: those who wait
// while one flush is under way share the next one.
//
// A flush that failed may have dropped what it could not write, and the kernel
// tells of that once. What is written behind such a hole would not be found
// after a power loss, so nothing counts as durable from then on: every later
// call gets the same error until the store is opened again.
//
// Methods may be called concurrently. Its queue is as long as there are
// waiting callers, each of which holds one place.
type barrier struct {
	sync func() error // makes everything written so far durable

	mu      sync.Mutex
	waiting []func(error)
	failed  error // of the first flush that failed
	closed  bool
	wake    chan struct{} // holds one: somebody waits
	done    chan struct{} // closed when run has returned
}

// newBarrier starts the goroutine that flushes; close ends it.
func newBarrier(flush func() error) *barrier {
	b := &barrier{sync: flush, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run() // ended and awaited by close
	return b
}

// then calls f, from the barrier's goroutine, once everything written before
// this call is durable, or with the error that prevented it. f must not block.
func (b *barrier) then(f func(error)) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		f(ErrClosed)
		return
	}
	b.waiting = append(b.waiting, f)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	b.mu.Unlock()
}

// wait returns when everything written before this call is durable.
func (b *barrier) wait() error {
	result := make(chan error, 1)
	b.then(func(err error) { result <- err })
	return <-result
}

func (b *barrier) run() {
	defer close(b.done)
	for range b.wake {
		b.mu.Lock()
		waiting, err := b.waiting, b.failed
		b.waiting = nil
		b.mu.Unlock()
		if len(waiting) == 0 {
			continue
		}
		if err == nil {
			err = b.flush()
		}
		for _, f := range waiting {
			f(err)
		}
	}
}

func (b *barrier) flush() error {
	err := b.sync()
	if err != nil {
		b.mu.Lock()
		b.failed = err
		b.mu.Unlock()
	}
	return err
}

// err returns the error of a flush that failed, which is final.
func (b *barrier) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// close serves those who wait and ends the goroutine.
func (b *barrier) close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	b.mu.Unlock()
	close(b.wake) // those who came before have left their mark in it
	<-b.done
}
