// Package health says whether the service can do its work: it asks its dependencies, in the background and on request.
package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	timeout  = time.Second     // of one check; a dependency that is slower is as good as down
	interval = 5 * time.Second // of the checks in the background: one scrape
	fresh    = time.Second     // how long an answer serves others, so that probes cannot load a dependency
)

// Check asks one dependency.
type Check struct {
	Name     string
	Required bool // without it the service cannot do its work
	Probe    func(ctx context.Context) error
	Breaker  func() string // state of the circuit breaker before it, as catalogue.BreakerStates has it; nil when there is none
}

// Result is the outcome of a check.
type Result struct {
	Up       bool
	Required bool
	Duration time.Duration
	Breaker  string // state of the circuit breaker before it; empty when there is none
	Problem  string // in words that may be shown to anyone; the log has the cause
}

// Report is the outcome of all checks.
type Report struct {
	At      time.Time
	Results map[string]Result
}

// Healthy reports whether every required check passed.
func (r Report) Healthy() bool {
	for _, result := range r.Results {
		if result.Required && !result.Up {
			return false
		}
	}
	return true
}

// Checker runs the checks.
type Checker struct {
	checks   []Check
	logger   *slog.Logger
	up       *prometheus.GaugeVec
	draining atomic.Bool

	mu   sync.Mutex // held while checking: who comes meanwhile waits and takes the same report
	last Report
}

// New makes a checker of these checks.
func New(t *telemetry.Telemetry, checks ...Check) *Checker {
	return &Checker{checks: checks, logger: t.Logger, up: t.Metrics.Gauge(catalogue.HealthCheckUp)}
}

// Drain makes the service unready for good: it is about to stop.
func (c *Checker) Drain() { c.draining.Store(true) }

// Draining reports whether the service is about to stop.
func (c *Checker) Draining() bool { return c.draining.Load() }

// Watch checks at intervals until the context ends, so that the metric is right without anybody asking.
func (c *Checker) Watch(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		c.Report(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Report asks all dependencies at once, or returns the last answers when they are less than a second old.
func (c *Checker) Report(ctx context.Context) Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last.At) < fresh {
		return c.last
	}
	// One caller going away must not make the answer wrong for the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	results := make([]Result, len(c.checks))
	var wg sync.WaitGroup
	for i, check := range c.checks {
		wg.Go(func() { results[i] = c.run(ctx, check) })
	}
	wg.Wait()
	report := Report{At: time.Now(), Results: map[string]Result{}}
	for i, check := range c.checks {
		c.note(check, results[i])
		report.Results[check.Name] = results[i]
	}
	c.last = report
	return report
}

func (c *Checker) run(ctx context.Context, check Check) Result {
	start := time.Now()
	err := check.Probe(ctx)
	result := Result{Up: err == nil, Required: check.Required, Duration: time.Since(start)}
	if check.Breaker != nil {
		result.Breaker = check.Breaker()
	}
	if err == nil {
		return result
	}
	result.Problem = "it does not answer, or answers with an error"
	if errors.Is(err, context.DeadlineExceeded) {
		result.Problem = "it did not answer within " + timeout.String()
	}
	if previous, known := c.last.Results[check.Name]; !known || previous.Up {
		c.logger.ErrorContext(ctx, "dependency down", "check", check.Name, "error", err.Error())
	}
	return result
}

// note keeps the metric, and logs a recovery once. Going down is logged where the cause is known.
func (c *Checker) note(check Check, result Result) {
	gauge := c.up.WithLabelValues(check.Name)
	if !result.Up {
		gauge.Set(0)
		return
	}
	gauge.Set(1)
	if previous, known := c.last.Results[check.Name]; known && !previous.Up {
		c.logger.Info("dependency up again", "check", check.Name)
	}
}
