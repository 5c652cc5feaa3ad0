package worker

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what bots do. One serves all bots of a server.
type Metrics struct {
	processes *prometheus.GaugeVec
	starts    *prometheus.CounterVec
	ends      *prometheus.CounterVec
	inFlight  *prometheus.GaugeVec
	took      *prometheus.HistogramVec
	answers   *prometheus.CounterVec
	ignored   *prometheus.CounterVec
	breaker   *prometheus.GaugeVec
}

// NewMetrics registers the metrics of bots.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"bot"})
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"bot"}, labels...))
	}
	m := &Metrics{
		processes: gauge("frontdesk_worker_processes", "Processes of a bot that run."),
		starts:    counter("frontdesk_worker_starts_total", "Processes that were started."),
		ends:      counter("frontdesk_worker_ends_total", "Processes that ended: exit (by themselves), hung, flood, deaf, version, shutdown.", "why"),
		inFlight:  gauge("frontdesk_worker_in_flight", "Events that a bot has."),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "frontdesk_worker_seconds",
			Help:    "Time from handing an event to a bot until its last word.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 3, 14),
		}, []string{"bot"}),
		answers: counter("frontdesk_worker_answers_total",
			"Events by what came of handing them to a bot: done, retry, drop, invalid, failed, late, died, waits (which is not counted as a failure).", "outcome"),
		ignored: counter("frontdesk_worker_lines_ignored_total", "Lines that are no answers, or come too late."),
		breaker: gauge("frontdesk_worker_breaker", "Whether a bot at a URL is spared: 0 no, 1 one event at a time tries, 2 yes."),
	}
	reg.MustRegister(m.processes, m.starts, m.ends, m.inFlight, m.took, m.answers, m.ignored, m.breaker)
	return m
}

// botMetrics are those of one bot.
type botMetrics struct {
	processes, inFlight, breaker prometheus.Gauge
	starts, ignored              prometheus.Counter
	ends, answers                *prometheus.CounterVec
	took                         prometheus.Observer
}

func (m *Metrics) of(bot string) botMetrics {
	label := prometheus.Labels{"bot": bot}
	return botMetrics{
		processes: m.processes.With(label), inFlight: m.inFlight.With(label), breaker: m.breaker.With(label),
		starts: m.starts.With(label), ignored: m.ignored.With(label),
		ends: m.ends.MustCurryWith(label), answers: m.answers.MustCurryWith(label),
		took: m.took.With(label),
	}
}

// Outcomes of an event beside its last word.
const (
	outcomeInvalid = "invalid"
	outcomeFailed  = "failed"
	outcomeLate    = "late"
	outcomeDied    = "died"
	outcomeWaits   = "waits"
)
