package outbox

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// lineRate is LINE's limit for reply and push, per channel and second.
	lineRate = 2000
	// burst is how many calls may go at once. LINE does not publish the size
	// of its buckets; a hundredth of a second's worth passes any.
	burst = lineRate / 100
	// ratePause is how long a lane rests after a 429, doubled while they go on.
	ratePauseMin = 250 * time.Millisecond
	ratePauseMax = 30 * time.Second
	// quotaPause is how long pushes rest when the monthly quota is used up.
	quotaPause = 5 * time.Minute
)

// lane paces the calls to one endpoint of a channel. Its line is as long as
// there are conversations with something to send.
type lane struct {
	s       *sender
	way     string
	limiter *rate.Limiter

	mu          sync.Mutex
	line        []*conversation
	wake        chan struct{} // holds one: line is not empty
	pausedUntil time.Time
	pause       time.Duration // the last one, 0 after a success
}

func newLane(s *sender, way string, perSecond float64) *lane {
	if perSecond == 0 {
		perSecond = lineRate
	}
	return &lane{
		s: s, way: way, wake: make(chan struct{}, 1),
		limiter: rate.NewLimiter(rate.Limit(perSecond), max(1, min(burst, int(perSecond/100)))),
	}
}

func (l *lane) push(c *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, c)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns the first conversation in line, nil when ctx ends.
func (l *lane) take(ctx context.Context) *conversation {
	for {
		l.mu.Lock()
		if len(l.line) > 0 {
			c := l.line[0]
			l.line[0] = nil
			l.line = l.line[1:]
			l.mu.Unlock()
			return c
		}
		l.mu.Unlock()
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// run makes the lane's calls until ctx ends, and waits for those under way.
func (l *lane) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		c := l.take(ctx)
		if c == nil || !l.admit(ctx) {
			return
		}
		calls.Go(func() {
			defer func() { <-l.s.inFlight }()
			l.s.step(ctx, c, l)
		})
	}
}

// admit waits for the lane's pause to end, for its rate and for a free place.
func (l *lane) admit(ctx context.Context) bool {
	for {
		l.mu.Lock()
		wait := time.Until(l.pausedUntil)
		l.mu.Unlock()
		if wait <= 0 {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
	if l.limiter.Wait(ctx) != nil {
		return false
	}
	select {
	case l.s.inFlight <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// rest pauses the lane after LINE refused for the rate.
func (l *lane) rest(atLeast time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.pausedUntil) {
		return // calls that were under way together count as one
	}
	l.pause = min(max(ratePauseMin, 2*l.pause), ratePauseMax)
	l.pausedUntil = time.Now().Add(max(l.pause, atLeast))
}

// hold pauses the lane for a fixed time.
func (l *lane) hold(pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pausedUntil = time.Now().Add(pause)
}

// passed notes that LINE took a call.
func (l *lane) passed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause = 0
}
