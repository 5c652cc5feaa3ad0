package webhook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the front desk does.
type Metrics struct {
	seconds *prometheus.HistogramVec
	events  *prometheus.CounterVec
	ok      prometheus.Observer // of seconds, for nearly all requests
}

// NewMetrics registers the front desk's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "frontdesk_webhook_seconds",
			Help:    "Time from a webhook's header to its answer, by status code.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 14),
		}, []string{"code"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_events_received_total",
			Help: "Events in correctly signed webhooks, by whether they were accepted or malformed.",
		}, []string{"channel", "outcome"}),
	}
	m.ok = m.seconds.WithLabelValues("200")
	reg.MustRegister(m.seconds, m.events)
	return m
}

func (m *Metrics) request(status int, took time.Duration) {
	if status == 200 {
		m.ok.Observe(took.Seconds())
		return
	}
	m.seconds.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *Metrics) accepted(channel string, n int) {
	m.events.WithLabelValues(channel, "accepted").Add(float64(n))
}

func (m *Metrics) malformed(channel string, n int) {
	m.events.WithLabelValues(channel, "malformed").Add(float64(n))
}
