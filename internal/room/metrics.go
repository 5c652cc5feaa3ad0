package room

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what happens.
type Metrics struct {
	clients    *prometheus.GaugeVec
	sent       prometheus.Counter
	refused    prometheus.Counter
	slow       prometheus.Counter
	turnedAway *prometheus.CounterVec
	acked      prometheus.Histogram
}

// NewMetrics registers the chat's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		clients: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "frontdesk_chat_connections", Help: "Connections of the chat, by way.",
		}, []string{"way"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_chat_sends_total", Help: "Messages stored in rooms.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_chat_sends_failed_total", Help: "Messages that the store did not take.",
		}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_chat_slow_total", Help: "Connections closed because they did not read fast enough.",
		}),
		turnedAway: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_chat_turned_away_total", Help: "Connections refused, by reason.",
		}, []string{"reason"}),
		acked: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "frontdesk_chat_ack_seconds", Help: "Time from a send to its message being durable.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	reg.MustRegister(m.clients, m.sent, m.refused, m.slow, m.turnedAway, m.acked)
	return m
}
