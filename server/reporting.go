package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/errortracking"
)

// logBuffer bounds the log lines that wait for a slow standard output, in bytes: about 3,000.
const logBuffer = 1 << 20

// startTelemetry starts it, with reports of failures to Sentry where the configuration names a project there. The
// returned function sends what is left at the end.
func startTelemetry(c config.Config) (*telemetry.Telemetry, func(), error) {
	tel, err := telemetry.Start(telemetryConfig(c))
	if err != nil {
		return nil, nil, err
	}
	slog.SetDefault(tel.Logger) // for what libraries log
	tel.Metrics.Gauge(catalogue.BuildInfo).WithLabelValues(version(), revision(), runtime.Version(), c.Environment).Set(1)
	var failures *errortracking.Tracker
	if c.SentryDSN != "" {
		failures, err = errortracking.Start(errortracking.Config{
			DSN: c.SentryDSN.Reveal(), Release: version(), Environment: c.Environment,
		}, tel)
		if err != nil {
			flush(tel, nil, c.FlushTimeout)
			return nil, nil, usageError{err}
		}
	}
	return tel, func() { flush(tel, failures, c.FlushTimeout) }, nil
}

func telemetryConfig(c config.Config) telemetry.Config {
	return telemetry.Config{
		Service: serviceName, Version: version(), Revision: revision(), Environment: c.Environment,
		OTLPEndpoint: c.OTLPEndpoint, OTLPInsecure: c.OTLPInsecure, SampleRatio: c.TraceSampleRatio, Quiet: api.ProbeRoutes(),
		Logs: os.Stdout, LogBuffer: logBuffer, LogLevel: c.LogLevel, AccessLogRatio: c.AccessLogRatio,
		Off:       !c.Telemetry,
		SlowQuery: c.SlowQuery, SlowQueryPlan: c.SlowQueryPlan,
		ExportLogs:    c.OTLPLogs,
		ClientAddress: c.TrustedProxies.Client, FullClientAddress: c.FullClientAddress,
	}
}

// flush sends what telemetry there is still to send. Both ways have the whole time: one that is blocked must not cost
// the other its own.
func flush(tel *telemetry.Telemetry, failures *errortracking.Tracker, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	tel.Logger.Info("stopped")
	var flushing sync.WaitGroup
	if failures != nil {
		flushing.Go(func() { _ = failures.Shutdown(ctx) }) // its metric says what was lost
	}
	_ = tel.Shutdown(ctx) // it has logged what was lost
	flushing.Wait()
}
