package telemetry

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Metrics makes instruments from the catalogue's declarations, and only from them. Making one twice, or as another type
// than declared, is a programming error and panics at start-up.
type Metrics struct {
	registry *prometheus.Registry
}

// NewMetrics returns those of a program that has no other telemetry. There are those of the Go runtime and of the process.
func NewMetrics() *Metrics {
	s := &Metrics{registry: prometheus.NewRegistry()}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Handler serves them, in the OpenMetrics format with exemplars when the client asks for it. The logger is told what could not be
// served.
func (s *Metrics) Handler(logger *slog.Logger) http.Handler { return newExposition(s.registry, logger) }

// Counter makes the counter that m declares.
func (s *Metrics) Counter(m catalogue.Metric) *prometheus.CounterVec {
	mustBe(m, catalogue.Counter)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.LabelNames())
	s.registry.MustRegister(c)
	return c
}

// Gauge makes the gauge that m declares.
func (s *Metrics) Gauge(m catalogue.Metric) *prometheus.GaugeVec {
	mustBe(m, catalogue.Gauge)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.LabelNames())
	s.registry.MustRegister(g)
	return g
}

// GaugeFunc makes the gauge that m declares, read when it is scraped. labels are the values of its labels, in order.
func (s *Metrics) GaugeFunc(m catalogue.Metric, read func() float64, labels ...string) {
	mustBe(m, catalogue.Gauge)
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: m.Name, Help: m.Help, ConstLabels: constLabels(m, labels),
	}, read))
}

// CounterFunc makes the counter that m declares, read when it is scraped.
func (s *Metrics) CounterFunc(m catalogue.Metric, read func() float64, labels ...string) {
	mustBe(m, catalogue.Counter)
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: m.Name, Help: m.Help, ConstLabels: constLabels(m, labels),
	}, read))
}

// Sample is one value of the metric, given the values of its labels in order.
type Sample func(m catalogue.Metric, value float64, labels ...string)

// OnScrape has gauges and counters read when they are scraped, together, so that they belong together. read gives the samples that
// there are.
func (s *Metrics) OnScrape(read func(Sample), declared ...catalogue.Metric) {
	s.registry.MustRegister(&scraped{read: read, declared: declared})
}

// scraped is a prometheus.Collector.
type scraped struct {
	read     func(Sample)
	declared []catalogue.Metric
}

func describe(m catalogue.Metric) *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, m.LabelNames(), nil)
}

// Describe implements prometheus.Collector.
func (s *scraped) Describe(out chan<- *prometheus.Desc) {
	for _, m := range s.declared {
		out <- describe(m)
	}
}

// Collect implements prometheus.Collector.
func (s *scraped) Collect(out chan<- prometheus.Metric) {
	s.read(func(m catalogue.Metric, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if m.Type == catalogue.Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(describe(m), kind, value, labels...)
	})
}

// Histogram makes the histogram that m declares.
func (s *Metrics) Histogram(m catalogue.Metric) *prometheus.HistogramVec {
	mustBe(m, catalogue.Histogram)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, m.LabelNames())
	s.registry.MustRegister(h)
	return h
}

func constLabels(m catalogue.Metric, values []string) prometheus.Labels {
	labels := prometheus.Labels{}
	for i, name := range m.LabelNames() {
		labels[name] = values[i]
	}
	return labels
}

func mustBe(m catalogue.Metric, want catalogue.Type) {
	if m.Type != want {
		panic("telemetry: " + m.Name + " is declared as a " + string(m.Type) + ", not a " + string(want))
	}
}
