package campaign

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// window is how many chunks of a campaign are open in the outbox at a time:
	// enough that LINE is never waited for in vain, few enough that those are gone
	// in about a second after a pause.
	window = 8
	// roundEvery is how often all campaigns are looked after, how old their records
	// get, and how long a jump of the wall clock is not seen.
	roundEvery = 500 * time.Millisecond
	// retryPause is the wait before a store that fails is asked again.
	retryPause = time.Second
	// auditEvery is how often the outbox is asked for chunks of which it should
	// have told: it does not tell of what came to an end before a restart.
	auditEvery = 5 * time.Second
	// maxFailing is how many chunks may fail in a row before a campaign pauses.
	maxFailing = 2
	// endLimit bounds storing the last records when Run ends.
	endLimit = 5 * time.Second
)

// Run appends to the outbox what the campaigns send, until ctx ends. It returns
// nil after an orderly end.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	alarm := time.NewTimer(roundEvery)
	defer alarm.Stop()
	var audited, pruned, rest time.Time
	for ctx.Err() == nil {
		now := time.Now()
		audit := now.Sub(audited) >= auditEvery
		if audit {
			audited = now
		}
		if now.Sub(pruned) >= pruneEvery {
			pruned = now
			r.prune(ctx, now)
		}
		if !now.Before(rest) && !r.round(ctx, audit) {
			rest = now.Add(retryPause)
		}
		if r.idle(ctx, tick, alarm, rest) {
			r.saveAll(ctx)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	r.saveAll(last)
	return nil
}

// idle waits until there may be something to do. It reports whether it is time to
// store.
func (r *Runner) idle(ctx context.Context, tick *time.Ticker, alarm *time.Timer, rest time.Time) (store bool) {
	// During a rest, nothing would be done for a campaign whose time has come.
	alarm.Reset(max(r.untilStart(), time.Until(rest)))
	select {
	case <-ctx.Done():
	case <-tick.C:
		return true
	case <-r.wake:
	case <-alarm.C:
	}
	return false
}

// round does for every campaign what can be done now, first for those whose time
// has come. It returns false when the store failed.
func (r *Runner) round(ctx context.Context, audit bool) (sound bool) {
	active := r.begin()
	var unsure []*campaign
	r.mu.Lock()
	for _, c := range r.campaigns {
		if !c.Ended.IsZero() {
			continue
		}
		if !slices.Contains(active, c) {
			active = append(active, c)
		}
		if !c.recovered {
			unsure = append(unsure, c)
		}
	}
	r.mu.Unlock()
	sound = true
	if err := r.recover(ctx, unsure); err != nil {
		r.complain(ctx, "campaigns could not be looked up in the outbox; trying again", err)
		sound = false
	}
	for _, c := range active {
		err := r.step(ctx, c, audit)
		if err != nil {
			r.complain(ctx, "campaign cannot go on for now; trying again", err, "campaign", c.ID)
			sound = false
		}
	}
	return sound
}

func (r *Runner) complain(ctx context.Context, text string, err error, args ...any) {
	if ctx.Err() == nil {
		r.lg.Warn(text, append(args, "error", err)...)
	}
}

// recover looks up campaigns whose records may be behind the log.
func (r *Runner) recover(ctx context.Context, campaigns []*campaign) error {
	var behind []*campaign
	r.mu.Lock()
	for _, c := range campaigns {
		if c.Position == 0 {
			c.recovered = true // nothing of it is in the log that it does not tell of
			continue
		}
		behind = append(behind, c)
	}
	r.mu.Unlock()
	if len(behind) == 0 {
		return nil
	}
	return r.look(ctx, behind)
}

// step brings one campaign forward.
func (r *Runner) step(ctx context.Context, c *campaign, audit bool) error {
	if audit {
		if err := r.audit(ctx, c); err != nil {
			return err
		}
	}
	r.mu.Lock()
	complete := c.complete()
	scheduled := c.State == StateScheduled
	failing := c.failing >= maxFailing && c.State == StateRunning && !complete
	r.mu.Unlock()
	switch {
	case complete:
		return r.end(ctx, c)
	case scheduled:
		return nil
	case failing:
		return r.halt(ctx, c, r.lastFailure(ctx, c)+"; resume it when that has changed")
	}
	if r.cfg.Clients[c.Channel] == nil {
		return r.halt(ctx, c, "channel "+c.Channel+" is not in the configuration; resume it when it is")
	}
	err := r.fill(ctx, c)
	if errors.Is(err, engine.ErrNotFound) || errors.Is(err, errChunk) || errors.Is(err, errContent) {
		return r.halt(ctx, c, err.Error())
	}
	return err
}

// fill appends entries until the window is full.
func (r *Runner) fill(ctx context.Context, c *campaign) error {
	c.work.Lock()
	defer c.work.Unlock()
	r.mu.Lock()
	first, n := c.Next, 0
	if c.recovered && c.State == StateRunning {
		n = max(0, min(window-len(c.open), c.Chunks-c.Next))
	}
	r.mu.Unlock()
	if n == 0 {
		return nil
	}
	if err := r.mark(ctx, c); err != nil {
		return err
	}
	entries := make([]encoding.BinaryAppender, n)
	chunks := make([]*chunk, n)
	for i := range n {
		sends, err := r.readChunk(ctx, c, first+i)
		if err != nil {
			return err
		}
		entries[i] = &engine.Entry{ID: c.entryID(first + i), Channel: c.Channel, At: time.Now(), Bulk: true, Sends: sends}
		chunks[i] = &chunk{unsure: true}
		for _, s := range sends {
			chunks[i].users += receivers(s)
		}
	}
	return r.append(c, first, entries, chunks)
}

// append stores entries. The outbox may send them before they are known to be
// stored: what it tells of them is kept until then.
func (r *Runner) append(c *campaign, first int, entries []encoding.BinaryAppender, chunks []*chunk) error {
	r.mu.Lock()
	for i, ch := range chunks {
		ch.pos = c.Position // known better when it is stored
		c.open[first+i] = ch
	}
	c.Next += len(chunks)
	r.mu.Unlock()
	pos, _, err := r.cfg.Engine.Outbox.Append(entries...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		c.recovered = false // some may have been stored
		return err
	}
	c.dirty = true
	for i, ch := range chunks {
		ch.pos, ch.unsure = pos, false
		if failed, ok := c.early[first+i]; ok {
			delete(c.early, first+i)
			r.finish(c, first+i, failed)
		}
	}
	return nil
}

// mark stores, before the first entry is appended, where the log ends now: a
// restart has nothing to look for before that.
func (r *Runner) mark(ctx context.Context, c *campaign) error {
	r.mu.Lock()
	marked := c.Position != 0
	r.mu.Unlock()
	if marked {
		return nil
	}
	end, err := r.cfg.Engine.Outbox.End(ctx)
	if err != nil {
		return err
	}
	place := func(pos engine.Pos) {
		r.mu.Lock()
		defer r.mu.Unlock()
		c.Position = pos
	}
	place(end)
	if err := r.save(ctx, c, true); err != nil {
		place(0)
		return err
	}
	return nil
}

// readChunk returns what a chunk's entry sends.
func (r *Runner) readChunk(ctx context.Context, c *campaign, n int) ([]engine.Send, error) {
	if c.messages == nil {
		var err error
		if c.messages, err = r.readContent(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	if c.Audience == AudienceBroadcast {
		return []engine.Send{{Broadcast: true, Messages: c.messages}}, nil
	}
	packed, _, err := r.cfg.Engine.Campaigns.Get(ctx, chunkKey(c.ID, n))
	if err != nil {
		return nil, fmt.Errorf("receivers of campaign %s: %w", c.ID, err)
	}
	return sendsOf(packed, c.messages)
}

// saveAll stores the records that have changed.
func (r *Runner) saveAll(ctx context.Context) {
	var dirty []*campaign
	r.mu.Lock()
	for _, c := range r.campaigns {
		if c.dirty && c.recovered {
			dirty = append(dirty, c)
		}
	}
	r.mu.Unlock()
	for _, c := range dirty {
		c.work.Lock()
		err := r.save(ctx, c, false)
		c.work.Unlock()
		if err != nil {
			r.complain(ctx, "a campaign's record was not stored; trying again", err, "campaign", c.ID)
		}
	}
}
