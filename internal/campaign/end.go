package campaign

import (
	"context"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// end closes a campaign that is complete. Its receivers are forgotten.
func (r *Runner) end(ctx context.Context, c *campaign) error {
	reason := ""
	r.mu.Lock()
	failing := c.failing > 0
	r.mu.Unlock()
	if failing {
		reason = r.lastFailure(ctx, c)
	}
	c.work.Lock()
	defer c.work.Unlock()
	r.mu.Lock()
	if !c.complete() { // unreachable: what is complete stays so
		r.mu.Unlock()
		return nil
	}
	if c.State != StateCancelled {
		c.State = StateDone
	}
	c.Ended, c.Reason, c.dirty, c.messages = time.Now(), reason, true, nil
	state, sent, failed := c.State, c.Sent, c.Failed
	r.mu.Unlock()
	r.lg.Info("campaign has ended", "channel", c.Channel, "campaign", c.ID, "state", state, "sent", sent, "failed", failed)
	if err := r.save(ctx, c, true); err != nil {
		return err
	}
	return r.cfg.Engine.Campaigns.DeleteAll(ctx, "chunk."+c.ID+".*")
}

// halt pauses a campaign by itself.
func (r *Runner) halt(ctx context.Context, c *campaign, reason string) error {
	c.work.Lock()
	defer c.work.Unlock()
	if was, err := r.setState(c, StatePaused, reason); err != nil || was == StatePaused {
		return nil // the operator was faster
	}
	r.lg.Error("campaign is paused by itself", "channel", c.Channel, "campaign", c.ID, "reason", reason)
	return r.save(ctx, c, true)
}

// lastFailure tells why the last chunks failed, as their dead letters do.
func (r *Runner) lastFailure(ctx context.Context, c *campaign) string {
	ctx, cancel := context.WithTimeout(ctx, retryPause)
	defer cancel()
	reason := ""
	mark := strings.TrimSuffix(c.entryID(0), "0") // of any chunk
	err := r.cfg.Engine.Dead.List(ctx, 0, func(l engine.Letter) bool {
		if l.Kind == engine.DeadSend && l.Channel == c.Channel && strings.Contains(string(l.Body), mark) {
			reason = l.Reason
		}
		return true
	})
	if err != nil || reason == "" {
		return "LINE took nothing of what was sent last, see the dead letters"
	}
	return reason
}
