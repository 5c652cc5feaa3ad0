package transcript

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

const (
	// defaultRate is how many messages are written a second. One takes about 0.15 ms
	// of a processor with all that belongs to it, and 200 bytes of the store's memory
	// for two minutes.
	defaultRate = 2000
	// busyShare is the part of the rate that is left while more than it comes in:
	// then the processors have other work, and to keep up is impossible anyway.
	busyShare = 0.1
	// paceEvery is how often it is looked how much comes in.
	paceEvery = 250 * time.Millisecond
	// collect is how long the first record of a quiet log waits for more, which
	// share one look at the logs with it. Webhooks feel what is written in large
	// lumps.
	collect = 5 * time.Millisecond
)

// pace holds to a rate, and to less while there is much else to do.
type pace struct {
	limiter *rate.Limiter
	full    rate.Limit
	came    func() float64 // how many messages have come in so far
	seen    float64        // its answer at looked
	looked  time.Time
}

func newPace(perSecond float64, came func() float64) *pace {
	full := rate.Limit(perSecond)
	return &pace{limiter: rate.NewLimiter(full, maxUnderWay), full: full, came: came, seen: came(), looked: time.Now()}
}

// wait waits until the next message may be written.
func (p *pace) wait(ctx context.Context) error {
	if took := time.Since(p.looked); took >= paceEvery {
		came := p.came()
		limit := p.full
		if came-p.seen > float64(p.full)*took.Seconds() {
			limit *= busyShare
		}
		p.limiter.SetLimit(limit)
		p.seen, p.looked = came, p.looked.Add(took)
	}
	return p.limiter.Wait(ctx)
}
