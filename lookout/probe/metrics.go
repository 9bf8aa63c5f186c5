package probe

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// metrics tell of the last run under the names of the Prometheus blackbox exporter where it has them, and count all runs.
type metrics struct {
	*telemetry.Metrics

	runs     prometheus.Counter
	failures *prometheus.CounterVec
	cleaned  prometheus.Counter
	traced   bool // the spans of the runs are exported, so that there are traces for exemplars to lead to

	mu   sync.Mutex
	last *Result // nil before the first run is over: there is nothing to tell, and no failure either
}

func newMetrics(traced bool) *metrics {
	made := telemetry.NewMetrics()
	m := &metrics{
		Metrics: made, runs: made.Counter(catalogue.ProbeRuns).WithLabelValues(), failures: made.Counter(catalogue.ProbeFailures),
		cleaned: made.Counter(catalogue.ProbeOrdersCleaned).WithLabelValues(), traced: traced,
	}
	for _, name := range catalogue.ScriptedSteps() {
		m.failures.WithLabelValues(name)
	}
	made.OnScrape(m.tell, catalogue.ProbeSuccess, catalogue.ProbeDuration, catalogue.ProbeStatus, catalogue.ProbeLastRun,
		catalogue.ProbeOrdersLeft, catalogue.ProbeStepSuccess, catalogue.ProbeStepDuration)
	return m
}

// observe takes in a run that came to an end.
func (m *metrics) observe(result Result) {
	m.runs.Inc()
	m.cleaned.Add(float64(result.Cleaned))
	if step := result.FailedStep(); step != "" {
		failure := m.failures.WithLabelValues(step)
		if exemplars, ok := failure.(prometheus.ExemplarAdder); ok && m.traced {
			exemplars.AddWithExemplar(1, prometheus.Labels{"trace_id": result.TraceID})
		} else {
			failure.Inc()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = &result
}

// tell tells of the last run.
func (m *metrics) tell(sample telemetry.Sample) {
	m.mu.Lock()
	last := m.last
	m.mu.Unlock()
	if last == nil {
		return
	}
	sample(catalogue.ProbeSuccess, truth(last.Success))
	sample(catalogue.ProbeDuration, last.Seconds)
	sample(catalogue.ProbeStatus, float64(last.Status))
	sample(catalogue.ProbeLastRun, float64(last.Started.UnixMilli())/1e3) //nolint:mnd // ms
	sample(catalogue.ProbeOrdersLeft, float64(last.LeftOver))
	for _, step := range last.Steps {
		sample(catalogue.ProbeStepSuccess, truth(step.Failure == ""), step.Name)
		sample(catalogue.ProbeStepDuration, step.Seconds, step.Name)
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
