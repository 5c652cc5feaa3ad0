package timer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Metrics counts what a Service does.
type Metrics struct {
	reg   prometheus.Registerer
	count *prometheus.CounterVec // by kind
	late  prometheus.Histogram
}

// Kinds of timers.
const (
	kindEvent = "event"
	kindSend  = "send"
)

// NewMetrics registers the metrics; nil for nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		reg: reg,
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_timers_fired_total", Help: "Timers that were due, by what they made: an event or a send.",
		}, []string{"kind"}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "frontdesk_timer_lateness_seconds", Help: "From when a timer was due until what it makes was stored.",
			Buckets: []float64{.0005, .001, .002, .003, .005, .0075, .01, .015, .02, .03, .05, .1, .25, .5, 1, 5, 60, 3600},
		}),
	}
	if reg != nil {
		reg.MustRegister(m.count, m.late)
	}
	return m
}

// observe registers the gauges of a service.
func (m *Metrics) observe(s *Service) {
	if m.reg == nil {
		return
	}
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "frontdesk_timers_pending", Help: "Timers that wait for their time.",
	}, func() float64 { return float64(s.pending.Load()) }))
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "frontdesk_timers_bytes", Help: "Bytes of the store that timers take.",
	}, func() float64 { return float64(s.used.Load()) }))
}

func (m *Metrics) fired(t *engine.Timer, late time.Duration) {
	kind := kindEvent
	if len(t.Messages) > 0 {
		kind = kindSend
	}
	m.count.WithLabelValues(kind).Inc()
	m.late.Observe(late.Seconds())
}
