package server

import (
	"slices"
	"sync"
	"time"
)

// Step is one point on the way of an event.
type Step struct {
	Step      string    `json:"step"`
	At        time.Time `json:"at"`
	RequestID string    `json:"requestId,omitempty"` // LINE's, of calls
}

const (
	// maxTraced is how many events are traced, about 1 KiB each. A new one
	// takes the place of the oldest.
	maxTraced = 4096
	// maxSteps bounds the steps of one event.
	maxSteps = 64
	// usualSteps is room for those of an event that is answered.
	usualSteps = 8
)

// trace remembers the ways of the events that came last, in memory.
type trace struct {
	mu     sync.Mutex
	steps  map[string][]Step // by webhook event ID
	recent []string          // ring of the same IDs
	next   int
}

func newTrace() *trace {
	return &trace{steps: map[string][]Step{}, recent: make([]string, maxTraced)}
}

// passed notes a step of an event.
func (t *trace) passed(eventID, step string, at time.Time) { t.add(eventID, Step{Step: step, At: at}) }

// sent notes a call that LINE accepted.
func (t *trace) sent(eventID, step string, at time.Time, requestID string) {
	t.add(eventID, Step{Step: step, At: at, RequestID: requestID})
}

func (t *trace) add(eventID string, step Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps, known := t.steps[eventID]
	if !known {
		delete(t.steps, t.recent[t.next])
		t.recent[t.next] = eventID
		t.next = (t.next + 1) % maxTraced
		steps = make([]Step, 0, usualSteps)
	}
	known = slices.ContainsFunc(steps, func(s Step) bool { return s.Step == step.Step && s.RequestID == step.RequestID })
	if !known && len(steps) < maxSteps {
		t.steps[eventID] = append(steps, step)
	}
}

// of returns an event's steps, each as it was noted first, in that order.
func (t *trace) of(eventID string) []Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Step(nil), t.steps[eventID]...)
}

// Path returns the steps of an event that came lately, nil for others.
func (s *Server) Path(eventID string) []Step { return s.trace.of(eventID) }
