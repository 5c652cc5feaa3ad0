package outbox

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// burstShare of a second's calls may go at once. LINE does not publish the
	// size of its buckets; 20 ms of calls bridge a pause of this process.
	burstShare = 50
	// paceTrial is how long calls are counted, from the first that is refused,
	// before the rate is cut to what LINE took meanwhile.
	paceTrial = 250 * time.Millisecond
	// trialLife is how long after a refusal the next one belongs to it.
	trialLife = time.Second
	// refusedShare of the calls, as 1 in so many, means that the rate is too
	// high, and not that some users get too much.
	refusedShare = 50
	// lowestShare of the published rate is not gone below: single conversations
	// wait longer then.
	lowestShare = 20
	// A cut rate is raised after probeMin, by firstStep of itself, and then each
	// probeMin by twice as much. When LINE refuses that, the next time comes
	// later, up to probeMax.
	probeMin  = 5 * time.Second
	probeMax  = 10 * time.Minute
	firstStep = 0.05
	lastStep  = 0.4
)

// pacer holds the rate of a lane: the published one, or what LINE takes. It is
// guarded by sender.mu; the limiter may be waited for without.
type pacer struct {
	limiter *rate.Limiter
	most    float64 // calls per second: the published or configured rate
	now     float64 // the rate in force
	trial   trial
	cutAt   time.Time
	raised  time.Time
	probe   time.Duration
	step    float64
}

// trial counts calls while LINE refuses some.
type trial struct {
	from, last     time.Time // the first and the last refusal
	conversation   string    // of the first
	others         bool      // are refused, too
	taken, refused int
}

func newPacer(perSecond float64) *pacer {
	return &pacer{
		limiter: rate.NewLimiter(rate.Limit(perSecond), burstOf(perSecond)),
		most:    perSecond, now: perSecond, probe: probeMin, step: firstStep,
	}
}

func burstOf(perSecond float64) int { return max(1, int(perSecond/burstShare)) }

// taken notes that LINE took a call, and raises a rate that was cut.
func (p *pacer) taken(now time.Time) {
	if !p.trial.from.IsZero() {
		p.trial.taken++
		if now.Sub(p.trial.last) > trialLife {
			p.trial = trial{}
		}
	}
	if p.now < p.most && now.Sub(p.cutAt) >= p.probe && now.Sub(p.raised) >= probeMin {
		p.set(min(p.now*(1+p.step), p.most))
		p.limiter.SetBurst(min(2*p.limiter.Burst(), burstOf(p.most)))
		p.step = min(2*p.step, lastStep)
		p.raised = now
	}
}

// refuse notes a 429 to a call for a conversation that began at a time. It cuts
// the rate when others are refused, too, and reports whether it did.
func (p *pacer) refuse(now, began time.Time, conversation string) bool {
	if began.Before(p.cutAt) {
		return false // it went at the rate before
	}
	t := &p.trial
	if t.from.IsZero() || now.Sub(t.last) > trialLife {
		*t = trial{from: now, conversation: conversation}
	}
	t.last = now
	t.refused++
	t.others = t.others || t.conversation != conversation
	lasted := now.Sub(t.from)
	if !t.others || lasted < paceTrial || t.refused*refusedShare < t.taken+t.refused {
		return false
	}
	if now.Sub(p.raised) < 2*probeMin {
		p.probe = min(2*p.probe, probeMax)
	} else {
		p.probe = probeMin
	}
	p.step = firstStep
	// LINE's rate is what it took meanwhile, if calls went at the rate in force;
	// few refusals mean that it cannot be far from that.
	took := float64(t.taken) / lasted.Seconds()
	share := float64(t.refused) / float64(t.taken+t.refused)
	p.set(max(p.most/lowestShare, min(max(0.97*took, (1-2*share)*p.now), 0.95*p.now)))
	p.limiter.SetBurst(max(1, p.limiter.Burst()/2)) // its buckets may be small
	p.cutAt, p.trial = now, trial{}
	return true
}

func (p *pacer) set(perSecond float64) {
	p.now = perSecond
	p.limiter.SetLimit(rate.Limit(perSecond))
}
