package campaign

import (
	"bytes"
	"context"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// trace is what the log tells of an entry of a campaign.
type trace struct {
	pos     engine.Pos
	sends   []int         // receivers of each
	settled map[part]bool // whether LINE accepted it
}

// part is a send of an entry, or one user of a multicast that was divided, from
// 1; else user is 0.
type part struct{ send, user int }

// users counts the receivers.
func (t *trace) users() (n int) {
	for _, users := range t.sends {
		n += users
	}
	return n
}

// failed counts the receivers in dead letters; over says that all parts have
// come to an end.
func (t *trace) failed() (n int, over bool) {
	over = true
	for i, users := range t.sends {
		if accepted, settled := t.settled[part{i, 0}]; settled {
			if !accepted {
				n += users
			}
			continue
		}
		for user := 1; user <= users; user++ {
			accepted, settled := t.settled[part{i, user}]
			over = over && settled
			if settled && !accepted {
				n++
			}
		}
	}
	return n, over
}

// tracer gathers traces from the log.
type tracer struct {
	campaigns map[string]map[int]*trace // by key and chunk
	// calls are the parts of campaigns in calls that they share with others, by
	// the name of the call. There are few: campaigns mostly go by multicast.
	calls map[engine.CallID][]engine.CallID
}

// take adds what a record of the log tells. A second copy of an entry tells
// nothing new.
func (t *tracer) take(pos engine.Pos, rec []byte) {
	if !bytes.Contains(rec, []byte(entryMark)) && (len(t.calls) == 0 || engine.IsEntry(rec)) {
		return
	}
	parsed, err := engine.ParseOutbox(rec)
	if err != nil {
		return // the outbox tells of it
	}
	switch v := parsed.(type) {
	case *engine.Entry:
		if key, n, ok := parseEntryID(v.ID); ok && t.campaigns[key] != nil && t.campaigns[key][n] == nil {
			one := &trace{pos: pos, settled: map[part]bool{}}
			for _, s := range v.Sends {
				one.sends = append(one.sends, receivers(s))
			}
			t.campaigns[key][n] = one
		}
	case *engine.Tried:
		var ours []engine.CallID
		for _, id := range append([]engine.CallID{v.CallID}, v.With...) {
			if t.find(id.Entry) != nil {
				ours = append(ours, id)
			}
		}
		if len(v.With) > 0 && len(ours) > 0 {
			t.calls[v.CallID] = ours
		}
	case *engine.Settled:
		t.settle(v)
	}
}

// settle takes what became of a call.
func (t *tracer) settle(v *engine.Settled) {
	parts, shared := t.calls[v.CallID]
	if !shared {
		parts = []engine.CallID{v.CallID}
	}
	delete(t.calls, v.CallID)
	if v.Outcome != engine.OutcomeDead && (v.Outcome != engine.OutcomeSent || !v.Last) {
		return
	}
	for _, id := range parts {
		one := t.find(id.Entry)
		if one == nil || id.Send < 0 || id.Send >= len(one.sends) {
			continue
		}
		p := part{send: id.Send}
		if one.sends[id.Send] > 1 {
			p.user = id.Call // see engine.CallID
		}
		one.settled[p] = v.Outcome == engine.OutcomeSent
	}
}

// find returns what is known of an entry, nil for nothing.
func (t *tracer) find(entry string) *trace {
	if key, n, ok := parseEntryID(entry); ok {
		return t.campaigns[key][n]
	}
	return nil
}

// look searches the log for what the campaigns' records do not tell of. It first
// appends a note that is about nothing: what was appended earlier, however late
// the store took it, stands before the note or nowhere.
func (r *Runner) look(ctx context.Context, campaigns []*campaign) error {
	log := r.cfg.Engine.Outbox
	note := &engine.Settled{CallID: engine.CallID{Send: -1}, At: time.Now()}
	if _, _, err := log.Append(note); err != nil {
		return err
	}
	t := &tracer{campaigns: map[string]map[int]*trace{}, calls: map[engine.CallID][]engine.CallID{}}
	r.mu.Lock()
	from := campaigns[0].Position
	for _, c := range campaigns {
		t.campaigns[c.key()] = map[int]*trace{}
		from = min(from, c.Position)
	}
	r.mu.Unlock()
	err := log.Scan(ctx, from, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			t.take(pos, rec)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, c := range campaigns {
		if err := r.merge(ctx, c, t.campaigns[c.key()]); err != nil {
			return err
		}
	}
	return nil
}

// merge completes a campaign by what the log tells of it.
func (r *Runner) merge(ctx context.Context, c *campaign, traces map[int]*trace) error {
	lost, err := r.lost(ctx, c, traces)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, ch := range c.open { // what was not stored after all is to be appended again
		if ch.unsure && traces[n] == nil {
			c.Next = min(c.Next, n)
		}
	}
	for n := range c.open {
		if n >= c.Next {
			delete(c.open, n)
		}
	}
	for ; traces[c.Next] != nil && c.Next < c.Chunks; c.Next++ {
		c.open[c.Next] = &chunk{}
	}
	for n, ch := range c.open {
		if t := traces[n]; t != nil {
			ch.pos, ch.users, ch.unsure = t.pos, t.users(), false
			if failed, over := t.failed(); over {
				r.finish(c, n, failed)
				continue
			}
		}
		if users, ok := lost[n]; ok {
			ch.users = users
			r.lg.Error("outbox has lost a part of a campaign; its receivers count as failed", "campaign", c.ID, "entry", c.entryID(n))
			r.finish(c, n, users)
			continue
		}
		if failed, ok := c.early[n]; ok {
			r.finish(c, n, failed)
		}
	}
	clear(c.early)
	c.recovered, c.dirty = true, true
	return nil
}

// lost returns the chunks that were surely in the log and are not there, with
// their receivers. There are none unless the store was damaged.
func (r *Runner) lost(ctx context.Context, c *campaign, traces map[int]*trace) (map[int]int, error) {
	lost := map[int]int{}
	r.mu.Lock()
	for n, ch := range c.open {
		if !ch.unsure && traces[n] == nil {
			lost[n] = 0
		}
	}
	r.mu.Unlock()
	for n := range lost {
		sends, err := r.readChunk(ctx, c, n)
		if err != nil {
			return nil, err
		}
		for _, s := range sends {
			lost[n] += receivers(s)
		}
	}
	return lost, nil
}
