package campaign

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Pause stops a campaign until it is resumed. What is in the outbox is still
// sent: Campaign.InOutbox tells how much. The change is durable, as those of
// Resume and Cancel; doing it twice does no harm.
func (r *Runner) Pause(ctx context.Context, id string) (Campaign, error) {
	return r.change(ctx, id, StatePaused)
}

// Resume lets a paused campaign go on, or wait again for its time.
func (r *Runner) Resume(ctx context.Context, id string) (Campaign, error) {
	return r.change(ctx, id, StateRunning)
}

// Cancel ends a campaign for good. What is in the outbox is still sent; of one
// that has not started, nothing.
func (r *Runner) Cancel(ctx context.Context, id string) (Campaign, error) {
	return r.change(ctx, id, StateCancelled)
}

func (r *Runner) change(ctx context.Context, id, state string) (Campaign, error) {
	c, err := r.find(id)
	if err != nil {
		return Campaign{}, err
	}
	c.work.Lock()
	defer c.work.Unlock()
	was, err := r.setState(c, state, "")
	if err != nil {
		return Campaign{}, err
	}
	r.mu.Lock()
	is := c.State
	r.mu.Unlock()
	if was != is {
		if err := r.save(ctx, c, true); err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			c.State = was
			return Campaign{}, err
		}
		r.lg.Info("campaign is "+is, "channel", c.Channel, "campaign", id)
		r.poke()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.view(), nil
}

// setState changes the state of a campaign that has not ended, and returns the
// one before. What is to run before its time is scheduled.
func (r *Runner) setState(c *campaign, state, reason string) (was string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if state == StateRunning && c.waits(r.now()) {
		state = StateScheduled
	}
	was = c.State
	if was == state {
		return was, nil
	}
	if was == StateDone || was == StateCancelled {
		return was, conflict("campaign %s is %s", c.ID, was)
	}
	c.State, c.Reason, c.failing, c.dirty = state, reason, 0, true
	return was, nil
}

// save stores a campaign's record; the caller holds its work lock. A durable one
// is on disk when save returns.
func (r *Runner) save(ctx context.Context, c *campaign, durable bool) error {
	r.mu.Lock()
	rec := c.snapshot()
	c.dirty = false
	r.mu.Unlock()
	data, err := json.Marshal(rec)
	if err == nil {
		err = r.cfg.Engine.Campaigns.Put(ctx, recordKey(c.ID), data)
	}
	if err == nil && durable {
		err = r.cfg.Engine.Flush()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		c.dirty = true
		return err
	}
	c.stored = rec.Position
	return nil
}

// snapshot returns what is known for sure, as it is stored; the caller holds mu.
func (c *campaign) snapshot() record {
	rec := c.record
	for n, ch := range c.open {
		if ch.unsure {
			rec.Next = min(rec.Next, n)
		}
	}
	lowest := engine.Pos(math.MaxUint64)
	for n, ch := range c.open {
		if n < rec.Next {
			rec.Open = append(rec.Open, n)
			lowest = min(lowest, ch.pos)
		}
	}
	slices.Sort(rec.Open)
	switch {
	case !c.recovered || rec.Next < c.Next: // it may not tell of entries behind the old place
	case len(rec.Open) > 0:
		rec.Position = lowest
	case c.State != StateRunning || rec.Next == c.Chunks:
		rec.Position = 0
	}
	c.Position = rec.Position
	return rec
}

// finish counts a chunk that has come to an end; the caller holds mu.
func (r *Runner) finish(c *campaign, n, failed int) {
	users := c.open[n].users
	delete(c.open, n)
	failed = min(max(failed, 0), users)
	c.Sent += users - failed
	c.Failed += failed
	c.dirty = true
	if failed == users {
		c.failing++
	} else {
		c.failing = 0
	}
	r.cfg.Metrics.finished(c.Channel, users-failed, failed)
}

// Finished tells that an entry of the outbox has come to an end, and how many of
// its receivers are in dead letters. Entries of others are none of its business.
// It does not block.
func (r *Runner) Finished(_, entryID string, _, dead int) {
	key, n, ok := parseEntryID(entryID)
	if !ok {
		return
	}
	id, _, _ := strings.Cut(key, ".")
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.campaigns[id]
	if c == nil || !c.Ended.IsZero() || c.key() != key {
		return
	}
	ch := c.open[n]
	switch {
	case ch != nil && !ch.unsure && ch.users > 0:
		r.finish(c, n, dead)
		r.poke()
	case ch != nil || !c.recovered:
		c.early[n] = dead
	}
}
