package linesim

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

const (
	// userBuckets bounds how many users Rates.SameUser remembers; beyond it the oldest begins anew.
	userBuckets = 100_000
	// maxRatePeriod and maxBurst bound the times in Rates.
	maxRatePeriod = 24 * time.Hour
	maxBurst      = time.Hour
)

// Rate is how often something may be done: so many calls in so many milliseconds, refilled evenly.
type Rate struct {
	Calls int   `json:"calls"`
	PerMS int64 `json:"perMs"`
}

func perSecond(n int) Rate { return Rate{n, 1000} }
func perMinute(n int) Rate { return Rate{n, 60_000} }
func perHour(n int) Rate   { return Rate{n, 3_600_000} }

// Rates are the limits of LINE's API: a token bucket for every endpoint (method and path template) of the
// channel, whatever the parameters. The zero value is LINE's own (Messaging API reference, "Rate limits").
// A call above its rate is answered 429 and has no effect; failing calls count as well.
type Rates struct {
	// Off turns all limits off.
	Off bool `json:"off,omitempty"`
	// Factor multiplies every published rate, for example 0.5 for half of it. Zero: 1.
	Factor float64 `json:"factor,omitempty"`
	// BurstMS is how much a full bucket holds, as the time in which that many calls are refilled; never
	// less than one call. Zero: the calls of one period, so 2,000 pushes or 60 broadcasts. LINE does not
	// publish the size of its buckets.
	BurstMS int64 `json:"burstMs,omitempty"`
	// Endpoints replaces the rates of single endpoints (short names, see Endpoints). Factor does not
	// change these.
	Endpoints map[string]Rate `json:"endpoints,omitempty"`
	// SameUser limits the pushes to one user; LINE has such a limit and does not publish it. Zero: none.
	SameUser Rate `json:"sameUser,omitzero"`
}

// check tells which value is out of range.
func (r Rates) check() error {
	switch {
	case !(r.Factor >= 0 && r.Factor <= 1000):
		return fmt.Errorf("factor is %v, want 0 to 1000", r.Factor)
	case r.BurstMS < 0 || r.BurstMS > maxBurst.Milliseconds():
		return fmt.Errorf("burstMs is %d, want 0 to %d", r.BurstMS, maxBurst.Milliseconds())
	}
	for name, e := range r.Endpoints {
		if !isEndpoint(name) {
			return fmt.Errorf("there is no endpoint %s, want one of %s", quoteID(name), strings.Join(Endpoints(), ", "))
		}
		if err := e.check(name); err != nil {
			return err
		}
	}
	if r.SameUser != (Rate{}) {
		return r.SameUser.check("sameUser")
	}
	return nil
}

func (r Rate) check(name string) error {
	if r.Calls < 1 || r.PerMS < 1 || r.PerMS > maxRatePeriod.Milliseconds() {
		return fmt.Errorf("%s is %d calls in %d ms, want at least 1 call in 1 to %d ms",
			name, r.Calls, r.PerMS, maxRatePeriod.Milliseconds())
	}
	return nil
}

// SetRates replaces the limits of the API and fills all buckets. Values out of range are ErrInvalid.
func (s *Simulator) SetRates(r Rates) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("%w rates: %s", ErrInvalid, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = newLimiter(r)
	return nil
}

// Rates returns the limits of the API as they were set.
func (s *Simulator) Rates() Rates {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.limits.rates
	r.Endpoints = maps.Clone(r.Endpoints)
	return r
}

// limiter holds the token buckets; Simulator.mu guards it.
type limiter struct {
	rates     Rates
	endpoints map[string]*bucket
	users     recent[*bucket]
}

func newLimiter(r Rates) limiter {
	r.Endpoints = maps.Clone(r.Endpoints)
	return limiter{rates: r, endpoints: make(map[string]*bucket), users: newRecent[*bucket](userBuckets)}
}

// take counts a call of an endpoint, or returns false when it is above the rate.
func (l *limiter) take(rt *route, now time.Time) bool {
	if l.rates.Off || rt.rate == (Rate{}) {
		return true
	}
	b := l.endpoints[rt.endpoint]
	if b == nil {
		rate, own := l.rates.Endpoints[rt.endpoint]
		factor := l.rates.Factor
		if own || factor == 0 {
			factor = 1
		}
		if !own {
			rate = rt.rate
		}
		b = newBucket(rate, factor, l.rates.BurstMS)
		l.endpoints[rt.endpoint] = b
	}
	return b.take(now)
}

// takeUser counts a push to one user, or returns false when that is above Rates.SameUser.
func (l *limiter) takeUser(userID string, now time.Time) bool {
	if l.rates.Off || l.rates.SameUser == (Rate{}) {
		return true
	}
	b, ok := l.users.get(userID)
	if !ok {
		b = newBucket(l.rates.SameUser, 1, l.rates.BurstMS)
		l.users.put(userID, b)
	}
	return b.take(now)
}

// bucket is a token bucket. It begins full.
type bucket struct {
	speed    float64 // tokens a nanosecond
	capacity float64
	tokens   float64
	at       time.Time // when tokens was right
}

func newBucket(r Rate, factor float64, burstMS int64) *bucket {
	calls := float64(r.Calls) * factor
	b := &bucket{speed: calls / float64(r.PerMS*int64(time.Millisecond)), capacity: calls}
	if burstMS > 0 {
		b.capacity = calls * float64(burstMS) / float64(r.PerMS)
	}
	b.capacity = max(b.capacity, 1)
	b.tokens = b.capacity
	return b
}

// take removes a token, or returns false when there is none.
func (b *bucket) take(now time.Time) bool {
	if !b.at.IsZero() {
		b.tokens = min(b.capacity, b.tokens+float64(now.Sub(b.at))*b.speed)
	}
	b.at = now
	// What is left of the last token by rounding must not turn a call away that comes exactly in time.
	const rounding = 1e-6
	if b.tokens < 1-rounding {
		return false
	}
	b.tokens--
	return true
}
