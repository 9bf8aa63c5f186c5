package telemetry

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// poolCollector reads a pool's statistics once a scrape, so that its numbers belong together.
type poolCollector struct {
	system string
	stats  func() sql.DBStats
}

func (p *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(p, ch)
}

func (p *poolCollector) Collect(ch chan<- prometheus.Metric) {
	stats := p.stats()
	send := func(m catalogue.Metric, kind prometheus.ValueType, value float64, labels ...string) {
		desc := prometheus.NewDesc(m.Name, m.Help, m.LabelNames(), nil)
		ch <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{p.system}, labels...)...)
	}
	send(catalogue.DBClientConnectionCount, prometheus.GaugeValue, float64(stats.Idle), "idle")
	send(catalogue.DBClientConnectionCount, prometheus.GaugeValue, float64(stats.InUse), "used")
	send(catalogue.DBClientConnectionMax, prometheus.GaugeValue, float64(stats.MaxOpenConnections))
	send(catalogue.DBClientConnectionWait, prometheus.CounterValue, stats.WaitDuration.Seconds())
}
