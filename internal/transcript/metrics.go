package transcript

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what is written.
type Metrics struct {
	reg     prometheus.Registerer
	written prometheus.Counter
	missed  prometheus.Counter
}

// NewMetrics registers the metrics of transcripts.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		reg: reg,
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_transcript_messages_total", Help: "Messages written into transcripts.",
		}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontdesk_transcript_missed_batches_total", Help: "Batches of the logs that had to make room before they were written into transcripts.",
		}),
	}
	reg.MustRegister(m.written, m.missed)
	return m
}

// observe registers the gauges of a service.
func (m *Metrics) observe(s *Service) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "frontdesk_transcript_lag_seconds", Help: "Age of what is being written into transcripts.",
	}, func() float64 { return s.lag().Seconds() }))
}
