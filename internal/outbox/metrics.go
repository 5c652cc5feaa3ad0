package outbox

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the outbox does. One serves one Outbox.
type Metrics struct {
	calls   *prometheus.HistogramVec
	latency prometheus.Histogram
	sends   *prometheus.CounterVec
	saved   *prometheus.CounterVec
	damaged prometheus.Counter
	reg     prometheus.Registerer
}

// NewMetrics registers the outbox's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "frontdesk_line_call_seconds",
			Help:    "Time of one call to LINE that sends, by way.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"way"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "frontdesk_send_seconds",
			Help:    "Time from a send's storing to LINE's acceptance.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 22),
		}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_sends_total",
			Help: "Calls that send, by way (reply, push, multicast, broadcast) and outcome: sent, limited (429 for the rate), postponed, unknown, undecided (nobody can tell any more), dead.",
		}, []string{"channel", "way", "outcome"}),
		saved: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_calls_saved_total",
			Help: "Calls that were not needed, because sends to one conversation shared one (shared) or the same push went to many users (multicast).",
		}, []string{"channel", "by"}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_outbox_damaged_total",
			Help: "Outbox records that could not be read.",
		}),
		reg: reg,
	}
	reg.MustRegister(m.calls, m.latency, m.sends, m.saved, m.damaged)
	return m
}

// shared counts the calls that one call has saved.
func (m *Metrics) shared(channel string, k *call) {
	receivers := len(k.conversations)
	m.saved.WithLabelValues(channel, "shared").Add(float64(len(k.parts) - receivers))
	m.saved.WithLabelValues(channel, "multicast").Add(float64(receivers - 1))
}

func (m *Metrics) observe(o *Outbox) {
	for name, s := range o.senders {
		labels := prometheus.Labels{"channel": name}
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "frontdesk_outbox_sends", Help: "Sends that wait or are under way.", ConstLabels: labels,
		}, func() float64 { return float64(s.backlog().Sends) }))
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "frontdesk_outbox_oldest_seconds", Help: "Age of the oldest entry that is not sent.", ConstLabels: labels,
		}, func() float64 { return s.backlog().Oldest.Seconds() }))
	}
}

func (m *Metrics) called(way string, took time.Duration) {
	m.calls.WithLabelValues(way).Observe(took.Seconds())
}

func (m *Metrics) arrived(after time.Duration) { m.latency.Observe(after.Seconds()) }

func (m *Metrics) sent(channel, way, outcome string) {
	m.sends.WithLabelValues(channel, way, outcome).Inc()
}
