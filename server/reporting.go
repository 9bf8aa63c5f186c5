package main

import (
	"context"
	"sync"
	"time"

	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/errortracking"
)

// trackErrors reports failures to Sentry, where the configuration names a project there; nil otherwise.
func trackErrors(c config.Config, tel *telemetry.Telemetry) (*errortracking.Tracker, error) {
	if c.SentryDSN == "" {
		return nil, nil //nolint:nilnil // to report nowhere is no error
	}
	tracker, err := errortracking.Start(errortracking.Config{
		DSN: c.SentryDSN.Reveal(), Release: version(), Environment: c.Environment,
	}, tel)
	if err != nil {
		return nil, usageError{err}
	}
	return tracker, nil
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
