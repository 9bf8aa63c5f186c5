// Package pager is a local page inbox: it receives Alertmanager's webhook, keeps every notification on disk, and shows
// what is broken. It also hears the Watchdog alert, so that a silent alerting path is seen.
package pager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	serviceName        = "pager"
	defaultMaxBytes    = 16 << 20
	minMaxBytes        = 1 << 16
	defaultSilentAfter = 5 * time.Minute
	shutdownTimeout    = 5 * time.Second
)

// Config configures a Pager.
type Config struct {
	Dir         string        // folder for the notifications; made when absent
	MaxBytes    int64         // that the notifications may take on disk, at least 64 KiB; 16 MiB when 0
	SilentAfter time.Duration // without a Watchdog call the alerting path counts as silent; 5 min when 0
	Log         *slog.Logger  // of which all lines get the name of the service; slog.Default() when nil
	Now         func() time.Time
}

// Pager is the page inbox.
type Pager struct {
	Config
	store   *store
	metrics *metrics
	started time.Time

	mu         sync.Mutex
	lastHeard  time.Time // of the Watchdog; zero before the first call
	storeError error     // of the latest notification; nil when it is on disk
}

// New opens the notifications kept in config.Dir.
func New(config Config) (*Pager, error) {
	if config.Dir == "" {
		return nil, errors.New("pager: no folder for the notifications is given")
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = defaultMaxBytes
	}
	if config.MaxBytes < minMaxBytes {
		return nil, fmt.Errorf("pager: %d bytes for notifications are too few: want at least %d", config.MaxBytes, minMaxBytes)
	}
	if config.SilentAfter < 0 {
		return nil, fmt.Errorf("pager: silent after %s: want a positive duration", config.SilentAfter)
	}
	if config.SilentAfter == 0 {
		config.SilentAfter = defaultSilentAfter
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	config.Log = config.Log.With("service", serviceName)
	if config.Now == nil {
		config.Now = time.Now
	}
	store, err := openStore(config.Dir, config.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("pager: %w", err)
	}
	if store.lost.TornBytes > 0 || store.lost.BadLines > 0 {
		config.Log.Warn("some stored notifications could not be read",
			"torn_bytes", store.lost.TornBytes, "bad_lines", store.lost.BadLines, "dir", config.Dir)
	}
	p := &Pager{Config: config, store: store, started: config.Now()}
	p.metrics = newMetrics(p)
	return p, nil
}

// Close closes the files. Notifications that arrive afterwards are refused.
func (p *Pager) Close() error { return p.store.close() }

// Serve answers on the listener until ctx ends, then lets requests in flight finish for at most 5 s.
func (p *Pager) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           p.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    1 << 14,
	}
	p.Log.Info("pager is listening", "addr", listener.Addr().String(), "dir", p.Dir)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("pager: serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return fmt.Errorf("pager: requests still in flight after %s: %w", shutdownTimeout, err)
	}
	return nil
}

// watchdog is the state of the dead man's switch, as /api/watchdog gives it.
type watchdog struct {
	LastHeard   time.Time `json:"last_heard,omitzero"` // absent before the first call
	Silent      bool      `json:"silent"`
	SilentFor   float64   `json:"silent_for_seconds"`   // since the last call, or since the pager started
	SilentAfter float64   `json:"silent_after_seconds"` // the bound
}

func (p *Pager) watchdog() watchdog {
	p.mu.Lock()
	defer p.mu.Unlock()
	reference := p.lastHeard
	if reference.IsZero() {
		reference = p.started
	}
	silent := p.Now().Sub(reference)
	return watchdog{
		LastHeard: p.lastHeard, Silent: silent > p.SilentAfter,
		SilentFor: max(0, silent.Seconds()), SilentAfter: p.SilentAfter.Seconds(),
	}
}
