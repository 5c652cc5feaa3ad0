package outbox

import (
	"context"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// tellQuiet wakes idle; the caller holds mu.
func (s *sender) tellQuiet() {
	if s.quiet != nil && s.nothingToDo() {
		close(s.quiet)
		s.quiet = nil
	}
}

// nothingToDo reports whether nothing can be sent at once: all that is left
// sleeps, or waits for the monthly quota. The caller holds mu.
func (s *sender) nothingToDo() bool {
	busy, now := s.ready, time.Now()
	for _, l := range s.lanes {
		if l.held(now) {
			busy -= l.waiting()
		}
	}
	return busy == 0
}

// idle waits until nothing can be sent at once, and reports whether it is so.
func (s *sender) idle(ctx context.Context) bool {
	s.mu.Lock()
	if s.nothingToDo() {
		s.mu.Unlock()
		return true
	}
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	quiet := s.quiet
	s.mu.Unlock()
	select {
	case <-quiet:
		return true
	case <-ctx.Done():
		return false
	}
}

// snapshot returns the place of the first entry that is not done, and whether
// it moved. Every entry before read has arrived.
func (s *sender) snapshot(read engine.Pos) (floor engine.Pos, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	floor = max(read, s.floor)
	if len(s.entries) > 0 {
		floor = s.entries[0].pos
	}
	changed = floor != s.floor
	s.floor = floor
	return floor, changed
}

// Backlog is what waits to be sent.
type Backlog struct {
	Sends  int
	Oldest time.Duration // age of the oldest entry, 0 for none
}

func (s *sender) backlog() (b Backlog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conversations {
		b.Sends += len(c.queue)
	}
	if len(s.entries) > 0 {
		b.Oldest = time.Since(s.entries[0].at)
	}
	return b
}
