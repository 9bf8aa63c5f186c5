package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Metrics makes instruments from the catalogue's declarations, and only from them. Making one twice, or as another type
// than declared, is a programming error and panics at start-up.
type Metrics struct {
	registry *prometheus.Registry
}

func newMetrics() *Metrics {
	return &Metrics{registry: prometheus.NewRegistry()}
}

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
