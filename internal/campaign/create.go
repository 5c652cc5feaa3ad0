package campaign

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// maxActive bounds the campaigns that have not come to an end.
const maxActive = 100

// discardLimit bounds taking back what a failed creation stored.
const discardLimit = 10 * time.Second

func recordKey(id string) string  { return "record." + id }
func contentKey(id string) string { return "content." + id }
func chunkKey(id string, n int) string {
	return "chunk." + id + "." + strconv.Itoa(n)
}

// Create stores a campaign and starts it, or lets it wait for its time. When it
// returns, the campaign is durable. list is read for AudienceUsers, nil for none. With the ID of a
// campaign that was created from the same, it returns that one as it is now;
// ErrConflict when it was created from anything else.
func (r *Runner) Create(ctx context.Context, spec Spec, list io.Reader) (Campaign, error) {
	plan, err := r.prepare(ctx, &spec, list != nil)
	if err != nil {
		return Campaign{}, err
	}
	if spec.ID == "" {
		spec.ID = NewID(time.Now())
	}
	existing, err := r.reserve(spec.ID)
	if err != nil {
		return Campaign{}, err
	}
	if existing != nil {
		return r.createdBefore(ctx, existing, spec, list)
	}
	defer r.release(spec.ID)
	if err := r.checkStart(spec.StartAt); err != nil {
		return Campaign{}, err
	}
	rec, err := r.storeNew(ctx, plan, spec, list)
	if err != nil {
		r.discard(ctx, spec.ID)
		return Campaign{}, err
	}
	c := newCampaign(rec)
	c.recovered = true // nothing of it is in the outbox
	r.mu.Lock()
	r.campaigns[rec.ID] = c
	view := c.view()
	r.mu.Unlock()
	lg := r.lg.With("channel", rec.Channel, "campaign", rec.ID, "audience", rec.Audience, "receivers", rec.Users)
	if view.State == StateScheduled {
		lg.Info("campaign is scheduled", "start", rec.StartAt)
	} else {
		lg.Info("campaign starts")
	}
	r.poke()
	return view, nil
}

// NewID makes up an ID that tells when.
func NewID(now time.Time) string {
	return now.UTC().Format("20060102-150405-") + rand.Text()[:6]
}

// reserve keeps an ID for a campaign that is being created, or returns the one
// that has it. The caller releases what was kept.
func (r *Runner) reserve(id string) (existing *campaign, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.campaigns[id]; c != nil {
		return c, nil
	}
	if r.creating[id] {
		return nil, conflict("campaign %s is being created just now", id)
	}
	active := len(r.creating)
	for _, c := range r.campaigns {
		if c.Ended.IsZero() {
			active++
		}
	}
	if active >= maxActive {
		return nil, conflict("there are %d campaigns that have not ended, the most there can be; cancel some, or wait", active)
	}
	r.creating[id] = true
	return nil, nil
}

func (r *Runner) release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.creating, id)
}

// createdBefore answers who creates a campaign again.
func (r *Runner) createdBefore(ctx context.Context, c *campaign, spec Spec, list io.Reader) (Campaign, error) {
	digest := spec.newDigest()
	if _, err := r.gather(ctx, spec, list, digest, nil); err != nil {
		return Campaign{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if digestText(digest) != c.Digest {
		return Campaign{}, conflict("there is another campaign %s already, with other messages or receivers; choose another id", spec.ID)
	}
	if !spec.StartAt.Equal(c.StartAt) {
		return Campaign{}, conflict("there is campaign %s already, which starts %s; cancel that one, and choose another id", spec.ID, startText(c.StartAt))
	}
	return c.view(), nil
}

// storeNew stores the parts of a campaign, its record last.
func (r *Runner) storeNew(ctx context.Context, plan Plan, spec Spec, list io.Reader) (record, error) {
	bucket := r.cfg.Engine.Campaigns
	digest := spec.newDigest()
	counted, err := r.gather(ctx, spec, list, digest, func(n int, chunk []byte) error {
		return bucket.Put(ctx, chunkKey(spec.ID, n), chunk)
	})
	if err != nil {
		return record{}, err
	}
	if err := r.complete(ctx, &plan, spec, counted); err != nil {
		return record{}, err
	}
	if !plan.Fits && !spec.OverQuota {
		return record{}, &refusal{ErrOverQuota, fmt.Sprintf(
			"it takes %d messages of the quota and %d are left of %d %s (used %d, kept for other campaigns %d)",
			plan.Cost, plan.Quota.Left, plan.Quota.Limit, plan.Quota.when(), plan.Quota.Used, plan.Quota.Reserved)}
	}
	messages, err := json.Marshal(content{spec.Messages})
	if err != nil { // unreachable: it is checked JSON
		return record{}, err
	}
	if err := bucket.Put(ctx, contentKey(spec.ID), messages); err != nil {
		return record{}, err
	}
	rec := record{
		ID: spec.ID, Channel: spec.Channel, Name: spec.Name, Audience: spec.Audience, Digest: digestText(digest),
		Users: counted.users + counted.groups, Duplicates: counted.duplicates, Chunks: counted.chunks,
		State: StateRunning, Created: time.Now(), StartAt: spec.StartAt.Round(0).UTC(),
	}
	if rec.StartAt.After(r.now()) {
		rec.State = StateScheduled
	}
	if spec.Audience == AudienceBroadcast {
		rec.Users = 1
	}
	// A record must not outlive what it is about in a power loss.
	if err := r.cfg.Engine.Flush(); err != nil {
		return record{}, err
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return record{}, err
	}
	if err := bucket.Put(ctx, recordKey(rec.ID), data); err != nil {
		return record{}, err
	}
	return rec, r.cfg.Engine.Flush()
}

// discard takes back what a failed creation stored. What it leaves, the
// next start takes away.
func (r *Runner) discard(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardLimit)
	defer cancel()
	if err := r.erase(ctx, id); err != nil {
		r.lg.Warn("what was stored of a campaign that was not created is left for the next start", "campaign", id, "error", err)
	}
}

// erase deletes all that is stored of a campaign, its record first.
func (r *Runner) erase(ctx context.Context, id string) error {
	for _, pattern := range []string{recordKey(id), contentKey(id), "chunk." + id + ".*"} {
		if err := r.cfg.Engine.Campaigns.DeleteAll(ctx, pattern); err != nil {
			return err
		}
	}
	return nil
}
