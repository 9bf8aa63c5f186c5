package probe

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics tell of the last run under the names of the Prometheus blackbox exporter where it has them, and count all runs.
type metrics struct {
	registry *prometheus.Registry
	runs     prometheus.Counter
	failures *prometheus.CounterVec
	cleaned  prometheus.Counter

	success, duration, status, lastRun, leftOver *prometheus.Desc
	stepSuccess, stepDuration                    *prometheus.Desc

	mu   sync.Mutex
	last *Result // nil before the first run is over: there is nothing to tell, and no failure either
}

func newMetrics() *metrics {
	step := []string{"step"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probe_runs_total", Help: "Number of runs that came to an end.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probe_failures_total", Help: "Number of runs that failed, by the step that did. Exemplars lead to their traces.",
		}, step),
		cleaned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probe_orders_cleaned_total", Help: "Number of orders that a failed or killed run left open and that were cancelled later.",
		}),
		success:      prometheus.NewDesc("probe_success", "Whether the last run succeeded: 1 or 0.", nil, nil),
		duration:     prometheus.NewDesc("probe_duration_seconds", "How long the last run took.", nil, nil),
		status:       prometheus.NewDesc("probe_http_status_code", "HTTP status of the last answer of the last run; 0 when there was none.", nil, nil),
		lastRun:      prometheus.NewDesc("probe_last_run_timestamp_seconds", "Unix time when the last run began.", nil, nil),
		leftOver:     prometheus.NewDesc("probe_orders_left", "Number of synthetic orders that could not be cancelled and may be packed.", nil, nil),
		stepSuccess:  prometheus.NewDesc("probe_step_success", "Whether the step succeeded in the last run: 1 or 0. No sample: the run did not come so far.", step, nil),
		stepDuration: prometheus.NewDesc("probe_step_duration_seconds", "How long the step took in the last run. No sample: the run did not come so far.", step, nil),
	}
	for _, name := range StepNames() {
		m.failures.WithLabelValues(name)
	}
	m.registry.MustRegister(m, m.runs, m.failures, m.cleaned,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe takes in a run that came to an end.
func (m *metrics) observe(result Result) {
	m.runs.Inc()
	m.cleaned.Add(float64(result.Cleaned))
	if step := result.FailedStep(); step != "" {
		failure := m.failures.WithLabelValues(step)
		if exemplars, ok := failure.(prometheus.ExemplarAdder); ok {
			exemplars.AddWithExemplar(1, prometheus.Labels{"trace_id": result.TraceID})
		} else {
			failure.Inc()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = &result
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.success, m.duration, m.status, m.lastRun, m.leftOver, m.stepSuccess, m.stepDuration} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	last := m.last
	m.mu.Unlock()
	if last == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(m.success, truth(last.Success))
	gauge(m.duration, last.Seconds)
	gauge(m.status, float64(last.Status))
	gauge(m.lastRun, float64(last.Started.UnixMilli())/1e3) //nolint:mnd // ms
	gauge(m.leftOver, float64(last.LeftOver))
	for _, step := range last.Steps {
		gauge(m.stepSuccess, truth(step.Failure == ""), step.Name)
		gauge(m.stepDuration, step.Seconds, step.Name)
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
