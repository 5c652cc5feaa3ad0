package worker

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// breakerConversations is how many conversations in a row must fail until a
	// bot is spared. One whose events always fail must not hold up the others.
	breakerConversations = 5
	breakerMin           = time.Second
	breakerMax           = 30 * time.Second
)

// States of a breaker, as its metric has them.
const (
	breakerClosed = iota
	breakerHalf
	breakerOpen
)

// breaker spares a bot that is not there or fails everything: events wait, and
// after a pause one at a time tries.
type breaker struct {
	gauge prometheus.Gauge

	mu      sync.Mutex
	failed  map[string]struct{} // conversations that failed in a row
	pause   time.Duration       // that was made last; 0 while closed
	until   time.Time           // of the pause
	probing bool                // one tries
}

// enter reports whether an event may be tried now, else how long it waits. probe
// is true for the one that tries for all.
func (b *breaker) enter(now time.Time) (probe bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case now.Before(b.until):
		wait = b.until.Sub(now)
	case b.pause == 0:
		return false, 0
	case b.probing:
		wait = breakerMin
	default:
		b.probing = true
		b.gauge.Set(breakerHalf)
		return true, 0
	}
	return false, wait + time.Duration(rand.Int64N(int64(wait/4+1))) // not all in the same moment
}

// succeeded notes that the bot answered.
func (b *breaker) succeeded(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause > 0 && !probe {
		return // one that set out before the pause says nothing about now
	}
	clear(b.failed)
	b.pause, b.until, b.probing = 0, time.Time{}, false
	b.gauge.Set(breakerClosed)
}

// failedBy notes that an event of a conversation found the bot not there or
// failing.
func (b *breaker) failedBy(conversation string, probe bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause > 0 && !probe {
		return
	}
	if b.failed == nil {
		b.failed = map[string]struct{}{}
	}
	b.failed[conversation] = struct{}{}
	if len(b.failed) < breakerConversations && !probe {
		return
	}
	clear(b.failed)
	b.pause = min(max(2*b.pause, breakerMin), breakerMax)
	b.until, b.probing = now.Add(b.pause), false
	b.gauge.Set(breakerOpen)
}

// left notes that a probe came to nothing: its handler had to return.
func (b *breaker) left(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
}
