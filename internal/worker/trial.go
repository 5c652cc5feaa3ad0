package worker

import (
	"context"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	// innocentDeaths is how many ends of its process an event may be there at
	// before it is counted as its failure: an end says little about one of many.
	innocentDeaths = 2
	// trialTime is how long an event on trial keeps others on trial away. What
	// kills its process does so soon; what is only slow must not hold up others.
	trialTime = time.Second
	// maxTally bounds the memory for events that got into trouble. Beyond it, some
	// are forgotten.
	maxTally = 10_000
)

// tally counts for events what is not counted as their failure.
type tally struct {
	mu     sync.Mutex
	counts map[string]int // by event, those that were not answered since
}

func tallyKey(ev *frontdesk.Event) string { return ev.Channel + "/" + ev.ID + "/" + ev.Conversation }

// add counts one more for an event and returns its count.
func (t *tally) add(ev *frontdesk.Event) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	key := tallyKey(ev)
	if _, known := t.counts[key]; !known && len(t.counts) >= maxTally {
		for other := range t.counts {
			delete(t.counts, other)
			break
		}
	}
	t.counts[key]++
	return t.counts[key]
}

// forget forgets an event.
func (t *tally) forget(ev *frontdesk.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) > 0 {
		delete(t.counts, tallyKey(ev))
	}
}

// of returns the count of an event.
func (t *tally) of(ev *frontdesk.Event) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 {
		return 0
	}
	return t.counts[tallyKey(ev)]
}

// court lets events on trial into a process one at a time, so that the one that
// kills it is told from those that were next to it.
type court chan struct{}

func newCourt() court { return make(court, 1) }

// enter waits for the turn of an event until ctx ends. The turn ends with the
// call of leave, or after trialTime.
func (c court) enter(ctx context.Context) (leave func(), err error) {
	select {
	case c <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end := sync.OnceFunc(func() { <-c })
	timer := time.AfterFunc(trialTime, end)
	return func() { timer.Stop(); end() }, nil
}
