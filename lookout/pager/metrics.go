package pager

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

type metrics struct {
	registry      *prometheus.Registry
	received      *prometheus.CounterVec
	rejected      *prometheus.CounterVec
	storeFailures prometheus.Counter
}

func newMetrics(p *Pager) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pager_notifications_received_total", Help: "Number of notifications stored.",
		}, []string{"status"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pager_notifications_rejected_total", Help: "Number of calls refused because they were malformed.",
		}, []string{"reason"}),
		storeFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pager_store_failures_total", Help: "Number of notifications that could not be written to disk.",
		}),
	}
	silence := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pager_watchdog_silence_seconds",
		Help: "Time since the Watchdog alert was heard, or since the pager started if it never was.",
	}, func() float64 { return p.watchdog().SilentFor })
	for _, status := range []string{Firing, Resolved} {
		m.received.WithLabelValues(status)
	}
	for _, reason := range []string{"media_type", "too_large", "invalid"} {
		m.rejected.WithLabelValues(reason)
	}
	m.registry.MustRegister(m.received, m.rejected, m.storeFailures, silence,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}
