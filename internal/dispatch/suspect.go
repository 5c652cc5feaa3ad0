package dispatch

import (
	"sync"
	"time"
)

const (
	// suspectCrashes is how many ends of the process make an event suspect. One
	// is no reason: a killed process leaves as many events as it had handlers.
	suspectCrashes = 1
	// suspectFor is how long a suspect is handled before the next one may
	// begin. What kills the process does so soon; what is only slow must not
	// hold up the others for long.
	suspectFor = 10 * time.Second
)

// suspects lets events that may kill the process begin one at a time, so that
// the one to blame is found. Those that wait hold no place in the pool.
type suspects struct {
	mu   sync.Mutex
	busy bool
	line []*conversation // at most as many as were running when the process ended
}

// enter reports whether the conversation's first event may be handled now. If
// not, the conversation is submitted when its turn has come.
func (s *suspects) enter(c *conversation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		s.line = append(s.line, c)
		return false
	}
	s.busy = true
	return true
}

// leave returns a function that ends the turn of the event that entered, and
// calls it after suspectFor if nobody else does.
func (s *suspects) leave(submit func(*conversation)) func() {
	end := sync.OnceFunc(func() {
		if c := s.next(); c != nil {
			submit(c)
		}
	})
	timer := time.AfterFunc(suspectFor, end)
	return func() {
		timer.Stop()
		end()
	}
}

// next gives up the turn and returns who has waited longest, nil for nobody.
func (s *suspects) next() *conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if len(s.line) == 0 {
		return nil
	}
	c := s.line[0]
	s.line[0] = nil
	s.line = s.line[1:]
	return c
}
