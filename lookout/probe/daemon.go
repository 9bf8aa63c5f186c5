package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	readyInterval   = time.Second // between two looks whether the API is up before the first run
	readyTimeout    = 2 * time.Second
	shutdownTimeout = 2 * time.Second
)

// Daemon runs the scripted order at an interval and exposes what became of it.
type Daemon struct {
	prober   *Prober
	interval time.Duration
	patience time.Duration
	log      *slog.Logger // that of the prober's telemetry
	metrics  *metrics
}

// NewDaemon returns a daemon that runs every interval, which must be longer than a run may take. Before the first run it
// waits for the API to be ready, at most as long as its patience: what is still being started has not failed.
func NewDaemon(prober *Prober, interval, patience time.Duration) (*Daemon, error) {
	if interval <= prober.Timeout {
		return nil, fmt.Errorf("probe: an interval of %s: want one above the timeout of a run, %s", interval, prober.Timeout)
	}
	return &Daemon{prober: prober, interval: interval, patience: patience, log: prober.telemetry.Logger, metrics: newMetrics(prober.OTLPEndpoint != "")}, nil
}

// Handler serves /metrics, and /healthz, which tells that the daemon runs and not that the market does.
func (d *Daemon) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metrics.Handler(d.log))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// Serve runs until ctx ends, and then finishes cleaning up what the last run ordered. It ends with ErrNotSandbox as soon as
// a run finds that payments are real.
func (d *Daemon) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := &http.Server{Handler: d.Handler(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute}
	d.log.Info("probe is listening", "addr", listener.Addr().String(), "url", d.prober.URL, "interval", d.interval.String())
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("probe: serve on %s: %w", listener.Addr(), err))
		}
	}()
	err := d.loop(ctx)
	stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer stop()
	_ = server.Shutdown(stopping) // what is still open after that is cut off
	_ = server.Close()
	<-served
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// loop runs the script until ctx ends.
func (d *Daemon) loop(ctx context.Context) error {
	defer d.prober.Close()
	d.awaitAPI(ctx)
	ticker := time.NewTicker(d.interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if result := d.run(ctx); errors.Is(result.Err(), ErrNotSandbox) {
			return result.Err()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return nil
}

// run runs the script once, and tells of it unless it was stopped: that says nothing about the market.
func (d *Daemon) run(ctx context.Context) Result {
	result := d.prober.Run(ctx)
	if ctx.Err() == nil {
		d.metrics.observe(result)
		d.tell(result)
	}
	return result
}

func (d *Daemon) tell(result Result) {
	if err := result.Err(); err != nil {
		d.log.Error("scripted order failed", "step", result.FailedStep(), "error", err.Error(), "trace_id", result.TraceID,
			"duration", result.Seconds, "cleaned", result.Cleaned, "leftover", result.LeftOver)
	} else {
		d.log.Info("scripted order succeeded", "trace_id", result.TraceID, "duration", result.Seconds, "cleaned", result.Cleaned)
	}
}

// awaitAPI waits until the API is ready, the patience is over or ctx ends.
func (d *Daemon) awaitAPI(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	for !d.apiIsReady(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(readyInterval):
		}
	}
}

func (d *Daemon) apiIsReady(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.prober.URL+"/api/ready", http.NoBody)
	if err != nil {
		return false
	}
	response, err := (&http.Client{Transport: d.prober.transport}).Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
