package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// settling is the time at the beginning of a month in which LINE may still tell
// the number of the one before. Nothing is concluded from it.
const settling = time.Hour

// notes are what must survive a restart, stored as JSON in the control bucket.
type notes struct {
	Month  string `json:"month"` // all of it is about this one
	Limit  int64  `json:"limit"` // of which was warned; 0 for none
	Warned int    `json:"warned"`
	// Overrun says that it was warned of the forecast.
	Overrun bool     `json:"overrun"`
	Days    []sample `json:"days"` // the first answer of each day, oldest first
}

func notesKey(channel string) string { return "quota." + channel }

// loadNotes returns what is stored of a channel, empty notes for nothing.
func loadNotes(ctx context.Context, store *engine.Bucket, channel string) (n notes, err error) {
	data, _, err := store.Get(ctx, notesKey(channel))
	if errors.Is(err, engine.ErrNotFound) {
		return notes{}, nil
	}
	if err != nil {
		return notes{}, err
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return notes{}, fmt.Errorf("%s in the control bucket is damaged: %w", notesKey(channel), err)
	}
	return n, nil
}

func (n notes) save(ctx context.Context, store *engine.Bucket, channel string) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return store.Put(ctx, notesKey(channel), data)
}

// warning is what an answer of LINE calls for; zero for nothing.
type warning struct {
	share   int // percent of the limit that are used
	overrun bool
}

// take notes LINE's answer. It returns what to warn of now, and whether the
// notes have changed. Of several shares (percents) the largest counts.
func (n *notes) take(f Figures, now time.Time, shares []int) (w warning, changed bool) {
	m := monthOf(now)
	if n.Month != m.name() {
		*n = notes{Month: m.name()}
		changed = true
	}
	if now.Sub(m.start) < settling {
		return warning{}, changed
	}
	if last := len(n.Days) - 1; last < 0 || !sameDay(n.Days[last].At, now) {
		n.Days = append(n.Days, sample{At: now, Used: f.Used})
		changed = true
	}
	if n.Limit != f.Limit {
		n.Limit, n.Warned, n.Overrun = f.Limit, 0, false
		changed = true
	}
	if !f.Limited {
		return warning{}, changed
	}
	for _, share := range shares {
		if share > n.Warned && reached(f, share) {
			w.share, n.Warned = share, share // a smaller one behind it is over, too
		}
	}
	if f.HasForecast && f.Forecast > f.Limit && !n.Overrun {
		w.overrun, n.Overrun = true, true
	}
	return w, changed || w != warning{}
}

// reached reports whether a share of the limit is used.
func reached(f Figures, percent int) bool {
	return float64(f.Used) >= float64(f.Limit)*float64(percent)/100
}
