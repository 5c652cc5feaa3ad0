package dispatch

import (
	"sync"
	"time"
)

// suspectFor is how long a suspect counts as one that may kill the process.
// What does so does it soon; what is only slow must not hold up the others.
const suspectFor = 10 * time.Second

// suspects lets events that were being handled when the process ended begin a
// few at a time, so that the one to blame is found, and yet a killed process
// with thousands of slow handlers is soon back at work. It begins with one; each
// that ends well makes room for one more. Events with one crash left to live are
// handled apart from all other suspects. Those that wait hold no place in the
// pool.
type suspects struct {
	mu      sync.Mutex
	line    []*conversation // at most as many as were running when the process ended
	last    []*conversation // the same, with one crash left
	granted map[*conversation]bool
	under   int  // way
	proven  int  // ended well
	alone   bool // the one under way has one crash left
}

// enter reports whether the conversation's first event may be handled now. If
// not, the conversation is submitted when its turn has come.
func (s *suspects) enter(c *conversation, crashes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted[c] {
		delete(s.granted, c)
		return true
	}
	room := s.under <= s.proven && !s.alone && len(s.last) == 0
	if crashes >= maxCrashes-1 {
		room = s.under == 0
		s.alone = s.alone || room
	}
	switch {
	case room:
		s.under++
	case crashes >= maxCrashes-1:
		s.last = append(s.last, c)
	default:
		s.line = append(s.line, c)
	}
	return room
}

// began returns a function that ends the turn of an event that entered. It is
// called after suspectFor if nobody else does.
func (s *suspects) began(submit func(*conversation)) func() {
	end := sync.OnceFunc(func() {
		for _, c := range s.leave() {
			submit(c)
		}
	})
	timer := time.AfterFunc(suspectFor, end)
	return func() {
		timer.Stop()
		end()
	}
}

// leave ends a turn and returns whose turn it is now.
func (s *suspects) leave() (next []*conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	s.proven++
	s.alone = false
	if len(s.last) > 0 {
		if s.under == 0 {
			next, s.last, s.alone = s.last[:1:1], s.last[1:], true
		}
	} else {
		n := max(0, min(s.proven+1-s.under, len(s.line)))
		next, s.line = s.line[:n:n], s.line[n:]
	}
	for _, c := range next {
		if s.granted == nil {
			s.granted = map[*conversation]bool{}
		}
		s.granted[c] = true
		s.under++
	}
	return next
}
