package campaign

import "context"

// audit asks the outbox for the chunks that are open: it does not tell of those
// that came to an end before a restart, nor of a second copy of one.
func (r *Runner) audit(ctx context.Context, c *campaign) error {
	r.mu.Lock()
	recovered := c.recovered
	var open []int
	for n := range c.open {
		open = append(open, n)
	}
	r.mu.Unlock()
	if !recovered {
		return nil
	}
	missing := false
	for _, n := range open {
		known := r.cfg.Open(c.Channel, c.entryID(n))
		r.mu.Lock()
		if ch := c.open[n]; ch != nil && known {
			ch.missed = 0
		} else if ch != nil {
			ch.missed++
			missing = missing || ch.missed >= 2 // once may be in between two steps
		}
		r.mu.Unlock()
	}
	if !missing {
		return nil
	}
	if err := r.look(ctx, []*campaign{c}); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, ch := range c.open {
		if ch.missed >= 2 { // all failures are noted, or the outbox would not be done with it
			r.lg.Warn("outcome of a part of a campaign was not noted; it counts as sent", "campaign", c.ID, "entry", c.entryID(n))
			r.finish(c, n, 0)
		}
	}
	return nil
}
