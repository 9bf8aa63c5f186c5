// Package errortracking reports a service's failures to Sentry, or to what speaks its protocol: those that somebody has
// to look into, each with its trace, few enough that an outage does not flood anybody, and without secrets. Requests
// never wait for it. A service that does not import it does not link Sentry's SDK.
package errortracking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Config says where failures are reported, and by whom.
type Config struct {
	DSN         string // https://KEY@HOST/PROJECT
	Release     string // version of the service
	Environment string
	Queue       int           // bounds the events that wait to be sent; default 100
	Timeout     time.Duration // for sending one event; default 5 s
}

// Tracker reports failures. Its methods are safe for concurrent use.
type Tracker struct {
	client  *sentry.Client
	courier *courier
	limits  *limits
	logger  *slog.Logger

	mu      sync.Mutex // of queue, when it is closed
	stopped bool
	queue   chan *sentry.Event
	done    chan struct{}
	abort   context.CancelFunc

	outcomes map[string]prometheus.Counter
	away     bool // the last event was not taken; the worker's alone
}

// Start has every failure that the telemetry tells of reported. It contacts nobody. It fails when the DSN cannot be
// right; the error does not repeat it.
func Start(config Config, tel *telemetry.Telemetry) (*Tracker, error) {
	if config.Queue == 0 {
		config.Queue = 100
	}
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	if _, err := sentry.NewDsn(config.DSN); err != nil {
		return nil, errors.New("report failures to Sentry: the DSN must be like https://KEY@HOST/PROJECT")
	}
	aborted, abort := context.WithCancel(context.Background())
	t := &Tracker{
		courier: &courier{base: http.DefaultTransport, aborted: aborted, host: hostOf(config.DSN)},
		limits:  newLimits(), logger: tel.Logger,
		queue: make(chan *sentry.Event, config.Queue), done: make(chan struct{}), abort: abort,
		outcomes: map[string]prometheus.Counter{},
	}
	counter := tel.Metrics.Counter(catalogue.ErrorEvents)
	for _, outcome := range catalogue.ErrorEventOutcomes() {
		t.outcomes[outcome] = counter.WithLabelValues(outcome)
	}
	transport := sentry.NewHTTPSyncTransport() // the queue is ours, so that it can be counted
	transport.Timeout = config.Timeout
	var err error
	t.client, err = sentry.NewClient(sentry.ClientOptions{
		Dsn: config.DSN, Release: config.Release, Environment: config.Environment,
		Transport: transport, HTTPTransport: t.courier, Integrations: withoutModules,
	})
	if err != nil {
		abort()
		return nil, fmt.Errorf("report failures to Sentry: %w", err)
	}
	go t.run()
	tel.OnError(t.report)
	return t, nil
}

// withoutModules leaves out the list of all Go modules, which would be most of every event. The release says as much.
func withoutModules(all []sentry.Integration) []sentry.Integration {
	var kept []sentry.Integration
	for _, i := range all {
		if i.Name() != "Modules" {
			kept = append(kept, i)
		}
	}
	return kept
}

func hostOf(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return ""
	}
	return u.Host
}

// report queues an event. It never waits.
func (t *Tracker) report(ctx context.Context, failure telemetry.ErrorEvent) {
	kind := kindOf(failure)
	allowed, suppressed := t.limits.allow(kind, time.Now())
	if !allowed {
		t.count(catalogue.ErrorEventSuppressed)
		return
	}
	event := newEvent(ctx, failure, suppressed)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		t.count(catalogue.ErrorEventUnsent)
		return
	}
	select {
	case t.queue <- event:
	default:
		t.count(catalogue.ErrorEventQueueFull)
	}
}

func (t *Tracker) count(outcome string) { t.outcomes[outcome].Inc() }

func (t *Tracker) run() {
	defer close(t.done)
	for event := range t.queue {
		if t.courier.aborted.Err() != nil {
			t.count(catalogue.ErrorEventUnsent)
			continue
		}
		t.courier.outcome, t.courier.err = catalogue.ErrorEventLimited, nil // unless it is sent: then the SDK keeps a pause
		t.client.CaptureEvent(event, nil, nil)
		t.count(t.courier.outcome)
		t.say(t.courier.outcome, t.courier.err)
	}
}

// say logs when events are not taken any more, and when they are again.
func (t *Tracker) say(outcome string, err error) {
	switch {
	case outcome == catalogue.ErrorEventSent && t.away:
		t.away = false
		t.logger.Info("the error tracker takes events again", "endpoint", t.courier.host)
	case err != nil && !t.away:
		t.away = true
		t.logger.Warn("the error tracker does not take events: they are dropped", "endpoint", t.courier.host, "error", err.Error())
	}
}

// Shutdown sends what is queued and stops, by the context's deadline. Its error says how many events were not sent.
func (t *Tracker) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	if !t.stopped {
		t.stopped = true
		close(t.queue)
	}
	t.mu.Unlock()
	waiting := len(t.queue)
	var err error
	select {
	case <-t.done:
	case <-ctx.Done():
		t.abort()
		<-t.done
		err = fmt.Errorf("report the last failures to %s: of %d that were queued some were not sent: %w", t.courier.host, waiting, ctx.Err())
	}
	t.abort()
	t.client.Close()
	return err
}
