package campaign

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

const (
	// keepFor is how long a campaign that has ended is remembered.
	keepFor = 30 * 24 * time.Hour
	// maxEnded is how many of them are; the oldest leaves.
	maxEnded   = 1000
	pruneEvery = time.Hour
)

// prune forgets the campaigns that ended long ago, and the oldest of too many.
func (r *Runner) prune(ctx context.Context, now time.Time) {
	r.mu.Lock()
	var ended []record
	for _, c := range r.campaigns {
		if !c.Ended.IsZero() {
			ended = append(ended, c.record)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(ended, func(a, b record) int { return cmp.Or(b.Ended.Compare(a.Ended), strings.Compare(a.ID, b.ID)) })
	for i, rec := range ended {
		if i < maxEnded && now.Sub(rec.Ended) < keepFor {
			continue
		}
		if err := r.erase(ctx, rec.ID); err != nil {
			r.complain(ctx, "an old campaign could not be forgotten; trying again later", err, "campaign", rec.ID)
			return
		}
		r.mu.Lock()
		delete(r.campaigns, rec.ID)
		r.mu.Unlock()
	}
}

// clean deletes receivers whose campaign was not created, or has ended: a
// process may end before it does so itself. Nothing may be created meanwhile.
func (r *Runner) clean(ctx context.Context) {
	orphans := map[string]bool{}
	err := r.cfg.Engine.Campaigns.Keys(ctx, "chunk.>", func(key string) bool {
		id, _, _ := strings.Cut(strings.TrimPrefix(key, "chunk."), ".")
		orphans[id] = true
		return true
	})
	for id := range orphans {
		r.mu.Lock()
		c := r.campaigns[id]
		needed := c != nil && c.Ended.IsZero()
		r.mu.Unlock()
		if !needed && err == nil {
			err = r.cfg.Engine.Campaigns.DeleteAll(ctx, "chunk."+id+".*")
		}
	}
	if err != nil {
		r.complain(ctx, "receivers of former campaigns were not deleted; the next start does it", err)
	}
}
