package campaign

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what campaigns send. One serves one Runner; nil counts nothing.
type Metrics struct {
	users *prometheus.CounterVec
	reg   prometheus.Registerer
}

// NewMetrics registers the metrics of campaigns.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		users: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontdesk_campaign_receivers_total",
			Help: "Receivers of campaigns, by outcome: sent, dead. A broadcast counts as one.",
		}, []string{"channel", "outcome"}),
		reg: reg,
	}
	reg.MustRegister(m.users)
	return m
}

// observe registers the gauges of a Runner.
func (m *Metrics) observe(r *Runner) {
	if m == nil {
		return
	}
	for _, state := range []string{StateScheduled, StateRunning, StatePaused} {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "frontdesk_campaigns", Help: "Campaigns that have not ended, by state.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(r.inState(state)) }))
	}
}

// inState counts the campaigns in a state.
func (r *Runner) inState(state string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.campaigns {
		if c.State == state {
			n++
		}
	}
	return n
}

func (m *Metrics) finished(channel string, sent, dead int) {
	if m == nil {
		return
	}
	m.users.WithLabelValues(channel, "sent").Add(float64(sent))
	m.users.WithLabelValues(channel, "dead").Add(float64(dead))
}
