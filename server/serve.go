package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/admin"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/drain"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// serviceName is the service.name of our telemetry.
const serviceName = "market-api"

// serve runs the API until the context ends, and then stops it in the order that loses nothing: turn unready, let the
// load balancer notice, finish requests, send telemetry.
func serve(ctx context.Context, c config.Config) (err error) {
	tel, flush, err := startTelemetry(c)
	if err != nil {
		return err
	}
	defer flush()

	// First of all the ports: whoever starts a second server must learn of it before that one touches the database.
	public, private, err := takePorts(ctx, c)
	if err != nil {
		return err
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
	background := startJobs(ctx, c, db, checkout, front.images.Store, tel)
	defer background.Stop()

	var injector *faults.Injector
	if c.Faults {
		injector = &faults.Injector{}
	}
	options := apiOptions(c, db, front)
	options.Sessions, options.Checkout, options.Payments = sessions, checkout, pay.inbox(checkout, tel)
	options.Health, options.Telemetry, options.Faults = checks, tel, injector
	if options.RUM, err = openRUM(c, tel); err != nil {
		return err
	}
	app, err := api.New(options)
	if err != nil {
		return err
	}

	adminServer := admin.New(tel, injector, pay.routes)
	defer pay.deliver(ctx, public.Addr(), tel)()
	failed := make(chan error, 2) //nolint:mnd // one for each listener
	go func() { failed <- app.Listener(drain.Wrap(public, firstByteGrace)) }()
	go func() { failed <- adminServer.Serve(private) }()
	tel.Logger.Info("serving", "api", public.Addr().String(), "admin", private.Addr().String(),
		"version", version(), "environment", c.Environment, "faults", c.Faults)

	select {
	case err = <-failed:
		return fmt.Errorf("serve: a listener stopped: %w", err)
	case <-ctx.Done():
		err = stop(app, checks, tel.Logger, c)
	}
	return errors.Join(err, adminServer.Close())
}

// apiOptions are the use cases over the store and its cache, and the settings of the API.
func apiOptions(c config.Config, db *store.Store, front *edge) api.Options {
	clock := market.SystemClock{}
	return api.Options{
		Catalogue: market.NewCatalogue(cache.NewCatalogue(front.cache, db)),
		Producers: market.NewProducers(cache.NewProducers(front.cache, db), clock),
		Plan:      market.NewPlan(db, clock, checkoutRules(c)),
		Reports:   market.NewReports(db, clock),
		Accounts:  market.NewAccounts(db, clock),

		Cache: front.cache, RateLimits: front.limits, TrustedProxies: c.TrustedProxies, CORSOrigins: c.CORSOrigins, Images: front.images,
		Version: version(), Environment: c.Environment, RequestTimeout: c.RequestTimeout, BodyLimit: c.BodyLimit,
	}
}

// firstByteGrace is how long a connection that was opened just before a stop is waited for to send a request.
const firstByteGrace = 500 * time.Millisecond

// stop takes no more requests and lets those in flight finish.
func stop(app *fiber.App, checks *health.Checker, logger *slog.Logger, c config.Config) error {
	checks.Drain()
	logger.Info("draining", "delay", c.DrainDelay.String(), "timeout", c.DrainTimeout.String())
	time.Sleep(c.DrainDelay) // a fixed time, because a load balancer does not tell when it has noticed
	if err := app.ShutdownWithTimeout(c.DrainTimeout); err != nil {
		return fmt.Errorf("finish requests within %s (DRAIN_TIMEOUT): %w", c.DrainTimeout, err)
	}
	return nil
}

// takePorts opens the public and the private port.
func takePorts(ctx context.Context, c config.Config) (public, private net.Listener, err error) {
	if public, err = listen(ctx, "HTTP_ADDR", c.HTTPAddr); err != nil {
		return nil, nil, err
	}
	if private, err = listen(ctx, "ADMIN_ADDR", c.AdminAddr); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, private, nil
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
