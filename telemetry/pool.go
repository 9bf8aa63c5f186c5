package telemetry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// PoolStats is the state of a pool of connections.
type PoolStats struct {
	Idle, Used, Max int
	Waits           int64         // callers that had to wait for a connection
	WaitTime        time.Duration // of all of them together

	// What only some pools tell; nil: this one does not.
	Pending  *int   // callers that wait now
	Timeouts *int64 // callers that waited in vain
}

// SQLPool returns the state of a database/sql pool, for WatchPool.
func SQLPool(stats func() sql.DBStats) func() PoolStats {
	return func() PoolStats {
		s := stats()
		return PoolStats{
			Idle: s.Idle, Used: s.InUse, Max: s.MaxOpenConnections, Waits: s.WaitCount, WaitTime: s.WaitDuration,
		}
	}
}

// WatchPool exposes the state of a connection pool, read when it is scraped.
func (t *Telemetry) WatchPool(system string, stats func() PoolStats) {
	t.Metrics.registry.MustRegister(&poolCollector{system: system, stats: stats})
}

// poolCollector reads a pool's statistics once a scrape, so that its numbers belong together.
type poolCollector struct {
	system string
	stats  func() PoolStats
}

func (p *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(p, ch)
}

func (p *poolCollector) Collect(ch chan<- prometheus.Metric) {
	stats := p.stats()
	send := func(m catalogue.Metric, kind prometheus.ValueType, value float64, labels ...string) {
		// The system is a constant, by which the collectors of two pools are told apart.
		constant := prometheus.Labels{catalogue.DBSystem.Name: p.system}
		desc := prometheus.NewDesc(m.Name, m.Help, m.LabelNames()[1:], constant)
		ch <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	send(catalogue.DBClientConnectionCount, prometheus.GaugeValue, float64(stats.Idle), "idle")
	send(catalogue.DBClientConnectionCount, prometheus.GaugeValue, float64(stats.Used), "used")
	send(catalogue.DBClientConnectionMax, prometheus.GaugeValue, float64(stats.Max))
	send(catalogue.DBClientConnectionWait, prometheus.CounterValue, stats.WaitTime.Seconds())
	send(catalogue.DBClientConnectionWaits, prometheus.CounterValue, float64(stats.Waits))
	if stats.Pending != nil {
		send(catalogue.DBClientConnectionPending, prometheus.GaugeValue, float64(*stats.Pending))
	}
	if stats.Timeouts != nil {
		send(catalogue.DBClientConnectionTimeouts, prometheus.CounterValue, float64(*stats.Timeouts))
	}
}

// MeasureConnects measures the opening of connections. A sql.DB opened with the connector it returns is like one opened
// with the given.
func (t *Telemetry) MeasureConnects(system string, of driver.Connector) driver.Connector {
	return &connector{Connector: of, opening: t.Connects(system)}
}

// Connects measures the opening of connections to a database that database/sql knows nothing of. What it returns is called when
// one is being opened, and what that returns with the outcome.
func (t *Telemetry) Connects(system string) (opening func() (opened func(error))) {
	for _, category := range append(catalogue.ReachErrors(), "") {
		t.database.connects.WithLabelValues(system, category) // so that the first failure is an increase
	}
	return func() func(error) {
		start := time.Now()
		return func(err error) {
			t.database.connects.WithLabelValues(system, reachError(err)).Observe(time.Since(start).Seconds())
		}
	}
}

type connector struct {
	driver.Connector

	opening func() func(error)
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened := c.opening()
	conn, err := c.Connector.Connect(ctx)
	opened(err)
	return conn, err
}

// Close implements io.Closer, which is what sql.DB looks for in a connector.
func (c *connector) Close() error {
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// reachError is the category of an error of somebody who is reached over a network.
func reachError(err error) string {
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return catalogue.ErrorCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return catalogue.ErrorTimeout
	}
	return catalogue.ErrorDependency
}
