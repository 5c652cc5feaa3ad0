package quota

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// collector serves the figures as gauges. What is not known is absent; a
// channel without a limit has +Inf as its limit and as what is left, so that
// "used / limit" works for both.
type collector struct{ w *Watcher }

// gauge is one of the figures.
type gauge struct {
	name, help string
	value      func(Figures) (value float64, known bool)
}

func gauges() []gauge {
	unlessUnlimited := func(n int64, limited bool) float64 {
		if !limited {
			return math.Inf(1)
		}
		return float64(n)
	}
	return []gauge{
		{"frontdesk_quota_limit", "Messages that the channel may send this month; +Inf for no limit.",
			func(f Figures) (float64, bool) { return unlessUnlimited(f.Limit, f.Limited), true }},
		{"frontdesk_quota_used", "Messages that count this month, as LINE tells, and sent since.",
			func(f Figures) (float64, bool) { return float64(f.Used), true }},
		{"frontdesk_quota_left", "Messages that are left this month; +Inf for no limit.",
			func(f Figures) (float64, bool) { return unlessUnlimited(f.Left, f.Limited), true }},
		{"frontdesk_quota_forecast", "Messages that will have been used when the month ends; absent in its first three days.",
			func(f Figures) (float64, bool) { return float64(f.Forecast), f.HasForecast }},
		{"frontdesk_quota_answered_timestamp_seconds", "When LINE told the quota last.",
			func(f Figures) (float64, bool) { return float64(f.AsOf.Unix()), true }},
	}
}

func (g gauge) desc() *prometheus.Desc {
	return prometheus.NewDesc(g.name, g.help, []string{"channel"}, nil)
}

// Describe is for the registry.
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, g := range gauges() {
		descs <- g.desc()
	}
}

// Collect is for the registry.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	for _, f := range c.w.Figures() {
		if f.AsOf.IsZero() {
			continue
		}
		for _, g := range gauges() {
			if value, known := g.value(f); known {
				metrics <- prometheus.MustNewConstMetric(g.desc(), prometheus.GaugeValue, value, f.Channel)
			}
		}
	}
}
