package engine

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// gatedFlush is a flush that waits for the test.
type gatedFlush struct {
	begun chan struct{} // receives when a flush begins
	end   chan error    // what it returns
}

func newGatedFlush() *gatedFlush {
	return &gatedFlush{make(chan struct{}), make(chan error)}
}

func (g *gatedFlush) flush() error {
	g.begun <- struct{}{}
	return <-g.end
}

// TestBarrierReleasesAfterAFlushThatBeganLater lets many callers come at any
// time relative to the flushes.
func TestBarrierReleasesAfterAFlushThatBeganLater(t *testing.T) {
	var begun, ended atomic.Int64
	b := newBarrier(func() error {
		n := begun.Add(1)
		for range n % 7 {
			runtime.Gosched()
		}
		ended.Store(n)
		return nil
	})
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for range 500 {
				before := begun.Load() // this flush may be under way: it does not count
				if err := b.wait(); err != nil {
					t.Errorf("wait: %v", err)
				}
				if got := ended.Load(); got <= before {
					t.Errorf("released by flush %d, came after flush %d began", got, before)
				}
			}
		})
	}
	callers.Wait()
	b.close()
	if n := begun.Load(); n >= 32*500 {
		t.Errorf("%d flushes for %d callers: they do not share", n, 32*500)
	}
}

func TestBarrierSharesOneFlush(t *testing.T) {
	g := newGatedFlush()
	b := newBarrier(g.flush)
	first := make(chan error, 1)
	b.then(func(err error) { first <- err })
	<-g.begun
	const late = 100
	released := make(chan error, late)
	for range late {
		b.then(func(err error) { released <- err })
	}
	g.end <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	<-g.begun
	if len(released) != 0 {
		t.Errorf("%d callers were released by a flush that began before they came", len(released))
	}
	g.end <- nil
	for range late {
		if err := <-released; err != nil {
			t.Error(err)
		}
	}
	b.close() // would wait for a third flush for ever
}

// TestBarrierFailureIsFinal: the kernel reports lost pages once, so a later
// success does not tell that everything is on disk.
func TestBarrierFailureIsFinal(t *testing.T) {
	g := newGatedFlush()
	b := newBarrier(g.flush)
	defer b.close()
	broken := errors.New("input/output error")
	results := make(chan error, 3)
	b.then(func(err error) { results <- err })
	<-g.begun
	g.end <- nil
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	b.then(func(err error) { results <- err })
	<-g.begun
	b.then(func(err error) { results <- err })
	g.end <- broken
	for range 2 {
		if err := <-results; !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	}
	if err := b.wait(); !errors.Is(err, broken) {
		t.Errorf("later: got %v, want %v", err, broken)
	}
	if err := b.err(); !errors.Is(err, broken) {
		t.Errorf("err: got %v, want %v", err, broken)
	}
}

func TestBarrierCloseServesTheWaiting(t *testing.T) {
	g := newGatedFlush()
	b := newBarrier(g.flush)
	results := make(chan error, 2)
	b.then(func(err error) { results <- err })
	<-g.begun
	b.then(func(err error) { results <- err })
	closed := make(chan struct{})
	go func() { // ends when both are served
		b.close()
		close(closed)
	}()
	g.end <- nil
	<-g.begun
	select {
	case <-closed:
		t.Error("closed before the last caller was served")
	default:
	}
	g.end <- nil
	<-closed
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("got %v", err)
		}
	}
	if err := b.wait(); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: got %v, want %v", err, ErrClosed)
	}
	b.close() // again
}

// TestFailedFlushReachesAppend: a record that is written but not flushed is not
// acknowledged.
func TestFailedFlushReachesAppend(t *testing.T) {
	e := openTemp(t)
	mustAppend(t, e.Inbox, content(1, 100))
	if e.barrier == nil {
		t.Skip("this system has no barrier")
	}
	broken := errors.New("input/output error")
	e.barrier.mu.Lock()
	e.barrier.failed = broken
	e.barrier.mu.Unlock()
	if _, _, err := tryAppend(e.Inbox, content(2, 100)); !errors.Is(err, broken) {
		t.Errorf("append: got %v, want %v", err, broken)
	}
	if err := e.Dead.Put(t.Context(), Letter{Kind: DeadEvent}); !errors.Is(err, broken) {
		t.Errorf("dead letter: got %v, want %v", err, broken)
	}
	if err := e.Flush(); !errors.Is(err, broken) {
		t.Errorf("flush: got %v, want %v", err, broken)
	}
	if err := e.Healthy(); !errors.Is(err, broken) {
		t.Errorf("healthy: got %v, want %v", err, broken)
	}
	if err := e.Close(); !errors.Is(err, broken) {
		t.Errorf("close: got %v, want %v", err, broken)
	}
	if exists(t, e.Dir(), cleanMark) {
		t.Error("marked as closed properly")
	}
}
