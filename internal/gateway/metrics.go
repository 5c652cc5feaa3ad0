package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what goes through a gateway.
type Metrics struct {
	forwards *prometheus.HistogramVec
	calls    *prometheus.HistogramVec
	repeats  *prometheus.CounterVec
}

// NewMetrics registers the gateway's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		forwards: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "frontdesk_gateway_forward_seconds",
			Help:    "Time until a LINE bot behind Frontdesk answered a webhook, by whether it was taken, failed, or nobody listened (absent).",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}, []string{"channel", "outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "frontdesk_gateway_call_seconds",
			Help:    "Time to answer the calls of LINE bots behind Frontdesk, by call; passed ones were answered by LINE.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16),
		}, []string{"call", "code"}),
		repeats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_gateway_repeats_total",
			Help: "Calls of LINE bots behind Frontdesk that were stored before and not sent again, by what told it: a reply to the same event, or the retry key.",
		}, []string{"channel", "by"}),
	}
	reg.MustRegister(m.forwards, m.calls, m.repeats)
	return m
}

func (m *Metrics) forwarded(channel, outcome string, took time.Duration) {
	m.forwards.WithLabelValues(channel, outcome).Observe(took.Seconds())
}

func (m *Metrics) called(name string, status int, took time.Duration) {
	m.calls.WithLabelValues(name, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *Metrics) repeated(channel, by string) { m.repeats.WithLabelValues(channel, by).Inc() }
