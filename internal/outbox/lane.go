package outbox

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// lineRate is LINE's limit for reply and push, per channel and second, and
	// the next two are its limits for the others.
	// Source: Messaging API reference, Rate limits.
	lineRate      = 2000
	multicastRate = 200
	broadcastRate = 60.0 / 3600
	// downAfter is how many calls in a row fail before LINE counts as down.
	downAfter = 8
	// While LINE is down a lane makes one call each probeEvery that failed
	// before, each at least once in downPause; without such calls it makes
	// another one each newProbeEvery.
	probeEvery    = 250 * time.Millisecond
	downPause     = 2 * time.Second
	newProbeEvery = time.Second
	// quotaPause is how long pushes wait when the monthly quota is used up.
	quotaPause = 5 * time.Minute
)

// lane paces the calls to one endpoint of a channel. Its line is as long as
// there are conversations with something to send. Fields without a note are
// guarded by sender.mu.
type lane struct {
	s        *sender
	way      string
	pace     *pacer
	inFlight chan struct{} // holds one for each call under way; not guarded
	wake     chan struct{} // holds one: there is something new; not guarded

	again  fifo // calls that failed, or may have reached LINE
	urgent fifo
	bulk   fifo
	asleep map[*call]*time.Timer // wait for their next try

	heldUntil time.Time // the monthly quota is used up
	failures  int       // in a row
	down      bool
	probed    time.Time // the last call while down
}

func newLane(s *sender, way string, perSecond float64, maxInFlight int) *lane {
	return &lane{
		s: s, way: way, pace: newPacer(perSecond), inFlight: make(chan struct{}, maxInFlight),
		wake: make(chan struct{}, 1), asleep: map[*call]*time.Timer{},
	}
}

// push lets a call wait in line; the caller holds sender.mu.
func (l *lane) push(k *call) {
	k.waits = true
	switch {
	case k.undecided(), k.attempts > 0:
		l.again.push(k)
	case k.bulk:
		l.bulk.push(k)
	default:
		l.urgent.push(k)
	}
	l.stir()
}

func (l *lane) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// waiting counts the calls in line; the caller holds sender.mu.
func (l *lane) waiting() int { return l.again.len() + l.urgent.len() + l.bulk.len() }

// busy reports whether a call would have to wait; the caller holds sender.mu.
func (l *lane) busy(now time.Time) bool {
	return l.again.len()+l.urgent.len() > 0 || l.down || l.held(now) ||
		l.pace.limiter.TokensAt(now) < 1 || len(l.inFlight) == cap(l.inFlight)
}

// held reports whether the lane waits for the monthly quota; the caller holds
// sender.mu.
func (l *lane) held(now time.Time) bool { return now.Before(l.heldUntil) }

// run makes the lane's calls until ctx ends, and waits for those under way.
func (l *lane) run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for l.admit(ctx) {
		k := l.take(time.Now())
		if k == nil {
			<-l.inFlight
			continue
		}
		calls.Go(func() {
			defer func() { <-l.inFlight }()
			l.s.step(ctx, k, l)
		})
	}
}

// admit waits until the lane may make a call, and has one. It takes a place
// among those under way.
func (l *lane) admit(ctx context.Context) bool {
	for {
		wait, ok := l.nextAfter(time.Now())
		if ok && wait <= 0 {
			break
		}
		if !l.sleep(ctx, wait, ok) {
			return false
		}
	}
	if l.pace.limiter.Wait(ctx) != nil {
		return false
	}
	select {
	case l.inFlight <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleep waits to be woken, with a limit if there is one. It returns false when
// ctx ends.
func (l *lane) sleep(ctx context.Context, wait time.Duration, limited bool) bool {
	var over <-chan time.Time
	if limited {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-l.wake:
	case <-over:
	case <-ctx.Done():
		return false
	}
	return true
}

// nextAfter returns how long to wait for the next call; not ok if there is none
// to wait for.
func (l *lane) nextAfter(now time.Time) (wait time.Duration, ok bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.waiting() == 0 {
		return 0, false
	}
	wait = l.heldUntil.Sub(now)
	if l.down {
		every := probeEvery
		if l.again.len() == 0 {
			if len(l.asleep) > 0 {
				return 0, false
			}
			every = newProbeEvery
		}
		wait = max(wait, l.probed.Add(every).Sub(now))
	}
	return wait, true
}

// take returns the next call with all that it takes, nil if there is none.
func (l *lane) take(now time.Time) *call {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for {
		k := l.pop()
		if k == nil {
			l.s.tellQuiet()
			return nil
		}
		if l.s.fix(k, l, now) {
			k.waits = false
			l.probed = now
			return k
		}
	}
}

// pop takes the first call: what may have reached LINE already goes first, as
// its time to find out is limited, and campaigns last.
func (l *lane) pop() *call {
	for _, calls := range []*fifo{&l.again, &l.urgent, &l.bulk} {
		if k := calls.pop(); k != nil {
			return k
		}
	}
	return nil
}

// hold stops the lane while the monthly quota is used up.
func (l *lane) hold(now time.Time) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.heldUntil = now.Add(quotaPause)
	l.s.tellQuiet()
}

// heard takes note of whether LINE answers, of a call that began at a time.
func (l *lane) heard(began time.Time, err error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	switch {
	case line.OutcomeUnknown(err), line.Temporary(err), line.NotSent(err), line.Unauthorized(err):
		l.failed()
	default:
		l.answered()
		if !line.RateLimited(err) {
			l.pace.taken(time.Now())
		}
	}
}

// failed counts a call without an answer, or that LINE failed. After many in a
// row LINE counts as down: what was not tried yet waits, because a reply whose
// outcome stays unknown for a minute cannot be mended.
func (l *lane) failed() {
	l.failures++
	if l.failures == downAfter {
		l.down = true
		l.s.lg.Warn("LINE does not take calls; they wait", "way", l.way, "probed every", probeEvery)
	}
}

// answered notes that LINE works. When it was down, all that wait for their
// next try get it now.
func (l *lane) answered() {
	l.failures = 0
	if !l.down {
		return
	}
	l.down = false
	l.s.lg.Info("LINE takes calls again", "way", l.way, "waiting", l.waiting()+len(l.asleep))
	for _, k := range slices.SortedFunc(maps.Keys(l.asleep), func(a, b *call) int { return a.triedAt.Compare(b.triedAt) }) {
		if l.asleep[k].Stop() {
			delete(l.asleep, k)
			l.s.lineUp(k)
		}
	}
	l.stir()
}

// refuse notes a 429 to a call that began at a time. It returns how many its
// conversation had in a row before.
func (l *lane) refuse(k *call, began time.Time) (before int) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	for _, c := range k.conversations {
		before = max(before, c.limited)
		c.limited++
	}
	if was := l.pace.now; l.pace.refuse(time.Now(), began, k.conversations[0].key) {
		l.s.lg.Warn("LINE refuses calls for their rate; going slower", "way", l.way, "calls per second", int(l.pace.now), "before", int(was))
	}
	return before
}

// later lets a call wait in line again after a pause; the caller holds
// sender.mu.
func (l *lane) later(k *call, pause time.Duration) {
	if l.down {
		pause = min(pause, downPause)
	}
	l.asleep[k] = time.AfterFunc(pause, func() { // lanes that have ended take it and leave it
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		delete(l.asleep, k)
		l.s.lineUp(k)
	})
}

// fifo is a queue of calls.
type fifo struct {
	calls []*call
	first int
}

func (f *fifo) len() int { return len(f.calls) - f.first }

func (f *fifo) push(k *call) {
	if f.first > 1024 && f.first > len(f.calls)/2 { // more was taken than waits
		f.calls = append([]*call(nil), f.calls[f.first:]...)
		f.first = 0
	}
	f.calls = append(f.calls, k)
}

func (f *fifo) pop() *call {
	if f.first == len(f.calls) {
		return nil
	}
	k := f.calls[f.first]
	f.calls[f.first] = nil
	f.first++
	if f.first == len(f.calls) {
		f.calls, f.first = nil, 0 // lets go of the array after a backlog
	}
	return k
}
