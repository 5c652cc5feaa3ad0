package linesim

import (
	"context"
	"fmt"
)

// waitIdle returns when nothing waits or is under way.
func (q *sender) waitIdle(ctx context.Context) error {
	q.mu.Lock()
	if q.pending == 0 {
		q.mu.Unlock()
		return nil
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting until all webhooks are delivered, %d are not: %w", q.waiting(), ctx.Err())
	}
}

// close drops what waits, lets the requests under way end, and cuts them off when ctx ends first.
func (q *sender) close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.clearLocked()
	q.mu.Unlock()

	done := make(chan struct{})
	go func() { // ends with the last worker, which is below the webhook limit away
		defer close(done)
		q.wg.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	underWay := len(q.cancels)
	for _, cancel := range q.cancels {
		cancel()
	}
	q.mu.Unlock()
	<-done
	if underWay == 0 {
		return nil
	}
	return fmt.Errorf("closing the simulator, %d webhooks under way were cut off: %w", underWay, ctx.Err())
}

// clearLocked drops all that is not under way.
func (q *sender) clearLocked() {
	for d, t := range q.later {
		t.Stop()
		q.dropLocked(d.size())
	}
	clear(q.later)
	clear(q.held)
	for _, l := range q.lines {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		keep := 0
		if _, busy := q.cancels[l]; busy {
			keep = 1
		}
		for _, d := range l.wait[keep:] {
			q.dropLocked(d.size())
		}
		l.wait = l.wait[:keep]
		if keep == 0 {
			delete(q.lines, l.name)
		}
	}
	q.ready = nil
}
