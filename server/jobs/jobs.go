// Package jobs does what the market does by itself: it ends holds, closes market days, asks about payments, and audits
// the database.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Job is something that is done again and again. Several processes may do it at once.
type Job struct {
	Name     string // one of the job names in the telemetry catalogue
	Interval time.Duration
	// Run does what there is to do and returns how much that was. When it was something, there may be more, and Run is
	// called again at once.
	Run func(ctx context.Context) (int, error)
}

// Runner runs jobs.
type Runner struct {
	telemetry *telemetry.Telemetry
	duration  *telemetry.TracedHistogram
	tracer    trace.Tracer
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Start runs each job at its interval, for the first time at once, until Stop.
func Start(ctx context.Context, tel *telemetry.Telemetry, jobs ...Job) *Runner {
	// Jobs outlive the signal to stop: requests that are still answered may count on them.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Runner{
		telemetry: tel, duration: tel.Metrics.TracedHistogram(catalogue.JobDuration), tracer: tel.TracerProvider().Tracer(scope), stop: stop,
	}
	for _, job := range jobs {
		for _, category := range append(catalogue.JobErrors(), "") {
			r.duration.WithLabelValues(job.Name, category) // so that the first failure is an increase
		}
		r.running.Go(func() { r.repeat(ctx, job) })
	}
	return r
}

// Stop ends the jobs and waits until each has finished, or given up, the one thing it was at.
func (r *Runner) Stop() {
	r.stop()
	r.running.Wait()
}

func (r *Runner) repeat(ctx context.Context, job Job) {
	ticker := time.NewTicker(job.Interval)
	defer ticker.Stop()
	for {
		for r.once(ctx, job) > 0 && ctx.Err() == nil { //nolint:revive // all is in the condition
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// once runs the job once. An error ends the run, not the job: the next run may fare better.
func (r *Runner) once(ctx context.Context, job Job) int {
	t := &turn{job: job.Name, tracer: r.tracer, started: time.Now()}
	n, err := run(t.context(ctx), job)
	if ctx.Err() != nil {
		return 0 // what an end does to a run is no failure
	}
	ctx = t.end(ctx, n, err, r.duration.WithLabelValues(job.Name, errorType(err)))
	if err != nil {
		r.failed(ctx, job, err)
		return 0
	}
	return n
}

func (r *Runner) failed(ctx context.Context, job Job, err error) {
	attrs := []slog.Attr{slog.String("job", job.Name), slog.String("error.type", errorType(err)), slog.String("error", err.Error())}
	var p *telemetry.PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", p.Stack))
	}
	r.telemetry.Logger.LogAttrs(ctx, slog.LevelError, "a background job failed", attrs...)
	r.telemetry.ReportError(ctx, telemetry.ErrorEvent{Category: errorType(err), Job: job.Name, Err: err})
}

// run keeps a panic in one job from ending the process.
func run(ctx context.Context, job Job) (n int, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.Recovered(value)
		}
	}()
	return job.Run(ctx)
}

func errorType(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, market.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	case errors.Is(err, market.ErrUnavailable), errors.Is(err, market.ErrProviderUnavailable):
		return catalogue.ErrorDependency
	}
	return catalogue.ErrorInternal
}
