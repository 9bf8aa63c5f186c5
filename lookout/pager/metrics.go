package pager

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

type metrics struct {
	*telemetry.Metrics

	received      *prometheus.CounterVec
	rejected      *prometheus.CounterVec
	storeFailures prometheus.Counter
}

func newMetrics(p *Pager) *metrics {
	made := telemetry.NewMetrics()
	m := &metrics{
		Metrics: made, received: made.Counter(catalogue.PagerNotifications), rejected: made.Counter(catalogue.PagerRejections),
		storeFailures: made.Counter(catalogue.PagerStoreFailures).WithLabelValues(),
	}
	made.GaugeFunc(catalogue.PagerWatchdogSilence, func() float64 { return p.watchdog().SilentFor })
	for _, status := range []string{Firing, Resolved} {
		m.received.WithLabelValues(status)
	}
	for _, reason := range []string{catalogue.PagerWrongMediaType, catalogue.PagerTooLarge, catalogue.PagerInvalid} {
		m.rejected.WithLabelValues(reason)
	}
	return m
}
