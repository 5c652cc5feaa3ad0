package quota

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// soonest is how long after an answer LINE is asked again at the earliest,
	// whatever happens meanwhile.
	soonest = time.Minute
	// retryMin is the pause after a question without an answer, doubled each
	// time up to Config.Every.
	retryMin = 30 * time.Second
	// freshShare is the share of the limit, as its divisor, after whose sending
	// LINE is asked anew.
	freshShare = 20
)

// Meter counts what one channel uses of its quota. Its exported methods may be
// called concurrently and do not wait.
type Meter struct {
	w      *Watcher
	name   string
	client *line.Client
	lg     *slog.Logger
	wake   chan struct{} // holds one: LINE should be asked soon

	mu    sync.Mutex
	last  answer
	since int64 // recipients of what was sent and is not in last
	over  bool
	notes notes
}

// answer is what LINE told.
type answer struct {
	at    time.Time // zero for nothing yet
	quota line.Quota
	used  int64
}

// Sent notes that LINE took a call that counts, for so many recipients: 1 for
// a push to a user. A push to a group counts by its members; with 1 for it the
// next answer of LINE corrects the sum. 0 is a number that is not known: LINE is
// asked soon.
func (m *Meter) Sent(recipients int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since += int64(recipients)
	m.over = false
	if q := m.last.quota; recipients == 0 || q.Limited && m.since >= max(1, q.Value/freshShare) {
		m.askSoon()
	}
}

// Exceeded notes that LINE refused a call for the monthly limit.
func (m *Meter) Exceeded() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	m.askSoon()
}

func (m *Meter) askSoon() {
	select {
	case m.wake <- struct{}{}:
	default: // it will be asked already
	}
}

func (m *Meter) figures(now time.Time) Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.figuresLocked(now)
}

// figuresLocked returns what is known; the caller holds mu.
func (m *Meter) figuresLocked(now time.Time) Figures {
	f := Figures{Channel: m.name, Over: m.over}
	if m.last.at.Before(monthOf(now).start) {
		return f
	}
	f.AsOf, f.Limited, f.Limit = m.last.at, m.last.quota.Limited, m.last.quota.Value
	f.Used = m.last.used + m.since
	if f.Limited {
		f.Left = max(0, f.Limit-f.Used)
	}
	f.Forecast, f.HasForecast = forecast(f.Used, now, m.notes.Days)
	return f
}

// run asks until ctx ends.
func (m *Meter) run(ctx context.Context) {
	stored, err := loadNotes(ctx, m.w.cfg.Store, m.name)
	if err != nil && ctx.Err() == nil {
		m.lg.Warn("notes on the quota cannot be read; a warning may come twice this month", "error", err)
	}
	m.mu.Lock()
	m.notes = stored
	m.mu.Unlock()
	for failures := 0; ctx.Err() == nil; {
		err := m.ask(ctx)
		switch {
		case err == nil && failures > 0:
			m.lg.Info("LINE tells the monthly quota again")
			failures = 0
		case err != nil && ctx.Err() == nil:
			failures++
			if failures == 1 {
				m.lg.Warn("LINE did not tell the monthly quota; trying again", "error", err)
			}
		}
		m.rest(ctx, failures)
	}
}

// rest waits until LINE is to be asked again.
func (m *Meter) rest(ctx context.Context, failures int) {
	every := jitter(m.w.cfg.Every)
	if failures > 0 {
		every = jitter(min(retryMin<<min(failures-1, 20), m.w.cfg.Every))
		sleep(ctx, every, nil)
		return
	}
	if next := monthOf(m.w.now()).end.Sub(m.w.now()); next < every {
		every = next + jitter(time.Second) // a new month, a new count
	}
	first := min(m.w.soonest, every)
	sleep(ctx, first, nil)
	sleep(ctx, every-first, m.wake)
}

// sleep waits for d, for a wake or the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// jitter keeps many servers from asking at the same moment.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// ask gets LINE's figures and warns where that is due.
func (m *Meter) ask(ctx context.Context) error {
	m.mu.Lock()
	before := m.since // what is sent meanwhile may be in the answer or not
	m.mu.Unlock()
	limit, err := m.client.Quota(ctx)
	if err != nil {
		return err
	}
	used, err := m.client.QuotaConsumption(ctx)
	if err != nil {
		return err
	}
	now := m.w.now()
	m.mu.Lock()
	m.since -= before
	m.last = answer{at: now, quota: limit, used: used}
	f := m.figuresLocked(now)
	warn, changed := m.notes.take(f, now, m.w.cfg.Warn)
	stored := m.notes
	m.mu.Unlock()
	m.warn(f, warn)
	if !changed {
		return nil
	}
	if err := stored.save(ctx, m.w.cfg.Store, m.name); err != nil && ctx.Err() == nil {
		m.lg.Warn("notes on the quota were not stored; a restart may warn again", "error", err)
	}
	return nil
}

// warn writes into the log what is due.
func (m *Meter) warn(f Figures, w warning) {
	lg := m.lg.With("used", f.Used, "limit", f.Limit, "left", f.Left)
	if w.share > 0 {
		lg.Warn("monthly quota is being used up", "share", fmt.Sprintf("%d%%", w.share))
	}
	if w.overrun {
		lg.Warn("monthly quota will not last until the end of the month at this pace", "forecast", f.Forecast)
	}
}
