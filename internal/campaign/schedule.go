package campaign

import (
	"math"
	"slices"
	"time"
)

const (
	// maxAhead is how far ahead a campaign may be scheduled: its receivers are
	// stored until then.
	maxAhead = 366 * 24 * time.Hour
	// startGrace is how long ago a campaign may have had to start when it is
	// created: the way here takes a while. What is older is taken for a mistake.
	startGrace = time.Minute
)

// checkStart refuses a start that is too far from now.
func (r *Runner) checkStart(at time.Time) error {
	if at.IsZero() {
		return nil
	}
	switch ahead := at.Sub(r.now()); {
	case ahead < -startGrace:
		return invalid("startAt: %s has passed", startText(at))
	case ahead > maxAhead:
		return invalid("startAt: %s is more than %d days ahead", startText(at), int(maxAhead/(24*time.Hour)))
	}
	return nil
}

// startText is a start in an error.
func startText(at time.Time) string {
	if at.IsZero() {
		return "at once"
	}
	return at.Format(time.RFC3339)
}

// waits reports whether a campaign has not begun and must not yet; the caller
// holds Runner.mu.
func (c *campaign) waits(now time.Time) bool {
	begun := c.Next > 0 || len(c.open) > 0 || c.Position != 0
	return !begun && c.StartAt.After(now)
}

// begin lets the campaigns run whose time has come, and returns them in the order
// of their times. It stores nothing: after a crash their time has come as well.
func (r *Runner) begin() []*campaign {
	var due []*campaign
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.campaigns {
		if c.State == StateScheduled && !c.StartAt.After(r.now()) {
			c.State, c.dirty = StateRunning, true
			due = append(due, c)
			r.lg.Info("campaign starts", "channel", c.Channel, "campaign", c.ID, "audience", c.Audience, "receivers", c.Users)
		}
	}
	slices.SortFunc(due, func(a, b *campaign) int { return a.StartAt.Compare(b.StartAt) })
	return due
}

// untilStart returns how long it is until the next campaign starts, as long as
// the wall clock does not jump; the longest time for none.
func (r *Runner) untilStart() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := time.Duration(math.MaxInt64)
	for _, c := range r.campaigns {
		if c.State == StateScheduled {
			wait = min(wait, c.StartAt.Sub(r.now()))
		}
	}
	return wait
}

// monthFor names the month whose quota a campaign uses that starts at a time, or
// now if that has passed: 2026-12. LINE does not document which clock its months
// follow; its statistics follow Japan's.
func (r *Runner) monthFor(startAt time.Time) string {
	if now := r.now(); startAt.Before(now) {
		startAt = now
	}
	return startAt.In(time.FixedZone("JST", 9*60*60)).Format("2006-01")
}

// when names the month for people.
func (q *Quota) when() string {
	if q.Month == "" {
		return "this month"
	}
	return "in " + q.Month
}
