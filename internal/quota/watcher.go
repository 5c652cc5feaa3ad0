package quota

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// Channel is a LINE channel that is watched.
type Channel struct {
	Name   string
	Client *line.Client
}

// Config is what a Watcher needs. Fields without a default are required.
type Config struct {
	Channels []Channel
	Store    *engine.Bucket // the control bucket
	Every    time.Duration  // between two questions; default 10 minutes
	Warn     []int          // percents of the limit that are warned of, in any order; nil for none
	Metrics  prometheus.Registerer
	Logger   *slog.Logger
}

// Watcher watches the quota of channels. Make one with New, run it once. All
// methods but Run may be called concurrently, before and after it, too.
type Watcher struct {
	cfg     Config
	meters  []*Meter
	now     func() time.Time
	soonest time.Duration // see the constant
}

// New returns a watcher that has not asked yet, and registers its metrics.
func New(cfg Config) *Watcher {
	cfg.Every = cmp.Or(cfg.Every, 10*time.Minute)
	w := &Watcher{cfg: cfg, now: time.Now, soonest: soonest}
	for _, ch := range cfg.Channels {
		w.meters = append(w.meters, &Meter{
			w: w, name: ch.Name, client: ch.Client, lg: cfg.Logger.With("channel", ch.Name), wake: make(chan struct{}, 1),
		})
	}
	cfg.Metrics.MustRegister(collector{w})
	return w
}

// Run asks LINE until ctx ends. It returns nil: that LINE does not answer is
// logged, and asked again.
func (w *Watcher) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, m := range w.meters {
		g.Go(func() error { m.run(ctx); return nil })
	}
	return g.Wait()
}

// Meter returns a channel's meter, nil for a channel that is not watched.
func (w *Watcher) Meter(channel string) *Meter {
	for _, m := range w.meters {
		if m.name == channel {
			return m
		}
	}
	return nil
}

// Figures returns what is known now of every channel, in the order of the
// configuration.
func (w *Watcher) Figures() []Figures {
	now := w.now()
	list := make([]Figures, 0, len(w.meters))
	for _, m := range w.meters {
		list = append(list, m.figures(now))
	}
	return list
}
