package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/admin"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
)

// serviceName is the service.name of our telemetry.
const serviceName = "market-api"

// serve runs the API until the context ends, and then stops it in the order that loses nothing: turn unready, let the
// load balancer notice, finish requests, send telemetry.
func serve(ctx context.Context, c config.Config) (err error) {
	tel, err := telemetry.Start(telemetryConfig(c))
	if err != nil {
		return err
	}
	defer flush(tel, c.FlushTimeout)

	// First of all the ports: whoever starts a second server must learn of it before that one touches the database.
	public, err := listen(ctx, "HTTP_ADDR", c.HTTPAddr)
	if err != nil {
		return err
	}
	private, err := listen(ctx, "ADMIN_ADDR", c.AdminAddr)
	if err != nil {
		return errors.Join(err, public.Close())
	}

	db, err := openStore(ctx, c, tel)
	if err != nil {
		return err
	}
	defer closeStore(db)

	sessions, err := openSessions(c, db, tel.Metrics)
	if err != nil {
		return err
	}
	pay, err := openPayments(c, db, tel)
	if err != nil {
		return err
	}
	front, err := openEdge(ctx, c, tel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, front.close()) }()
	checks := health.New(tel, append(front.checks(), pay.check(),
		health.Check{Name: "database", Required: true, Probe: db.Ping})...)
	go checks.Watch(ctx)

	checkout := newCheckout(c, db, tel, pay.provider)
	background := startJobs(ctx, c, db, checkout, tel)
	defer background.Stop()

	var injector *faults.Injector
	if c.Faults {
		injector = &faults.Injector{}
	}
	clock := market.SystemClock{}
	app, err := api.New(api.Options{
		Catalogue: market.NewCatalogue(cache.NewCatalogue(front.cache, db)),
		Producers: market.NewProducers(cache.NewProducers(front.cache, db), clock),
		Plan:      market.NewPlan(db, clock),
		Reports:   market.NewReports(db, clock),
		Accounts:  market.NewAccounts(db, clock),
		Sessions:  sessions,
		Checkout:  checkout,
		Payments:  pay.inbox(checkout, tel),

		Cache: front.cache, RateLimits: front.limits, TrustedProxies: c.TrustedProxies, Images: front.images,
		Health: checks, Telemetry: tel, Faults: injector,
		Version: version(), Environment: c.Environment, RequestTimeout: c.RequestTimeout, BodyLimit: c.BodyLimit,
	})
	if err != nil {
		return err
	}

	adminServer := admin.New(tel, injector, pay.routes)
	defer pay.deliver(ctx, public.Addr())()
	failed := make(chan error, 2) //nolint:mnd // one for each listener
	go func() { failed <- app.Listener(public) }()
	go func() { failed <- adminServer.Serve(private) }()
	tel.Logger.Info("serving", "api", public.Addr().String(), "admin", private.Addr().String(),
		"version", version(), "environment", c.Environment, "faults", c.Faults)

	select {
	case err = <-failed:
		return fmt.Errorf("serve: a listener stopped: %w", err)
	case <-ctx.Done():
	}
	err = drain(app, checks, tel.Logger, c)
	return errors.Join(err, adminServer.Close())
}

// drain stops taking requests and lets those in flight finish.
func drain(app *fiber.App, checks *health.Checker, logger *slog.Logger, c config.Config) error {
	checks.Drain()
	logger.Info("draining", "delay", c.DrainDelay.String(), "timeout", c.DrainTimeout.String())
	time.Sleep(c.DrainDelay) // a fixed time, because a load balancer does not tell when it has noticed
	if err := app.ShutdownWithTimeout(c.DrainTimeout); err != nil {
		return fmt.Errorf("finish requests within %s (DRAIN_TIMEOUT): %w", c.DrainTimeout, err)
	}
	return nil
}

func flush(tel *telemetry.Telemetry, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		tel.Logger.Error("telemetry was lost at the end", "error", err.Error())
	}
	tel.Logger.Info("stopped")
}

func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, usageError{fmt.Errorf("%s is taken by another program: stop it, or set %s to another address", address, setting)}
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("listen on %s (%s): %w", address, setting, err)}
	}
	return l, nil
}

func telemetryConfig(c config.Config) telemetry.Config {
	return telemetry.Config{
		Service: serviceName, Version: version(), Revision: revision(), Environment: c.Environment,
		OTLPEndpoint: c.OTLPEndpoint, OTLPInsecure: c.OTLPInsecure, SampleRatio: c.TraceSampleRatio, Quiet: api.ProbeRoutes(),
		Logs: os.Stdout, LogLevel: c.LogLevel, AccessLogRatio: c.AccessLogRatio,
	}
}
