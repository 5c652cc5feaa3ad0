package dispatch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the dispatcher does. One serves one Dispatcher.
type Metrics struct {
	waited     prometheus.Histogram
	took       prometheus.Histogram
	events     *prometheus.CounterVec
	slow       *prometheus.CounterVec
	duplicates prometheus.Counter
	damaged    prometheus.Counter
	reg        prometheus.Registerer
}

// NewMetrics registers the dispatcher's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "frontdesk_accept_to_handler_seconds",
			Help:    "Time from an event's acceptance to the start of its first attempt.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 20),
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "frontdesk_handler_seconds",
			Help:    "Time of one attempt of a handler.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 13),
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_events_total",
			Help: "Attempts by outcome: done, retried, interrupted, dead.",
		}, []string{"channel", "outcome"}),
		slow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_slow_answers_total",
			Help: "Buttons and the answers behind them: button (stored), parked, tapped, nothing (a tap that found no answer), pushed (no room to park), expired.",
		}, []string{"channel", "outcome"}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_events_duplicate_total",
			Help: "Events that were delivered again and not handled again.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_inbox_damaged_total",
			Help: "Inbox records that could not be read.",
		}),
		reg: reg,
	}
	reg.MustRegister(m.waited, m.took, m.events, m.slow, m.duplicates, m.damaged)
	return m
}

// observe registers the gauges of a dispatcher.
func (m *Metrics) observe(d *Dispatcher) {
	gauge := func(name, help string, f func() float64) {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	gauge("frontdesk_backlog_events", "Events that were read and are not done.", func() float64 {
		return float64(d.Backlog().Events)
	})
	gauge("frontdesk_backlog_oldest_seconds", "Age of the oldest event that is not done.", func() float64 {
		return d.Backlog().Oldest.Seconds()
	})
	gauge("frontdesk_handlers_running", "Handlers that run now.", func() float64 { return float64(d.pool.busy()) })
	gauge("frontdesk_answers_parked", "Answers that wait until their buttons are tapped.", d.parkedAnswers)
	gauge("frontdesk_event_ids_known", "IDs by which a second delivery is known.", func() float64 {
		return float64(d.index.size())
	})
}

// countLimit bounds the question to the store how many answers are parked.
const countLimit = time.Second

// parkedAnswers returns how many answers wait for a tap, -1 when the store does
// not tell.
func (d *Dispatcher) parkedAnswers() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), countLimit)
	defer cancel()
	n, err := d.eng.Parked.Count(ctx)
	if err != nil {
		return -1
	}
	return float64(n)
}

func (m *Metrics) slowAnswer(channel, outcome string) {
	m.slow.WithLabelValues(channel, outcome).Inc()
}

func (m *Metrics) handled(channel, outcome string) {
	m.events.WithLabelValues(channel, outcome).Inc()
}

// Backlog is what waits for handlers.
type Backlog struct {
	Events        int
	Conversations int
	Oldest        time.Duration // age of the oldest event, 0 for none
}

// Backlog returns what waits now.
func (d *Dispatcher) Backlog() Backlog {
	var b Backlog
	var oldest time.Time
	for _, sh := range d.shards {
		sh.mu.Lock()
		b.Events += sh.open
		b.Conversations += len(sh.conversations)
		if len(sh.tasks) > 0 && (oldest.IsZero() || sh.tasks[0].accepted.Before(oldest)) {
			oldest = sh.tasks[0].accepted
		}
		sh.mu.Unlock()
	}
	if !oldest.IsZero() {
		b.Oldest = time.Since(oldest)
	}
	return b
}
