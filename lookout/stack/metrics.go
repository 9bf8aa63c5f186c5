package stack

import "github.com/prometheus/client_golang/prometheus"

// Metrics exposes the components' states to Prometheus.
func Metrics(status func() Status) prometheus.Collector {
	label := []string{"component"}
	return &metrics{
		status: status,
		ready: prometheus.NewDesc("lookout_component_ready",
			"Whether the component is ready: 1, or 0. A component that is not installed has no sample.", label, nil),
		restarts: prometheus.NewDesc("lookout_component_restarts_total",
			"How often the component was started again after a crash.", label, nil),
		memory: prometheus.NewDesc("lookout_component_resident_memory_bytes",
			"Resident memory of the component; what programs share is divided among them.", label, nil),
	}
}

type metrics struct {
	status                  func() Status
	ready, restarts, memory *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.ready
	out <- m.restarts
	out <- m.memory
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.status().Components {
		if c.State == Absent {
			continue
		}
		ready := 0.0
		if c.State == Ready {
			ready = 1
		}
		out <- prometheus.MustNewConstMetric(m.ready, prometheus.GaugeValue, ready, c.Name)
		out <- prometheus.MustNewConstMetric(m.restarts, prometheus.CounterValue, float64(c.Restarts), c.Name)
		out <- prometheus.MustNewConstMetric(m.memory, prometheus.GaugeValue, float64(c.MemoryBytes), c.Name)
	}
}
