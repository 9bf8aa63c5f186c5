package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
)

// load drives mixed traffic to the real server: first as much as it takes, then half of that, at fixed times, whether
// earlier requests have been answered or not, so that no slow answer hides the wait of those behind it. It does so several
// times, because what a machine with other work takes changes; the median counts.
type load struct {
	server string // path of the program
	rounds int
	length time.Duration
}

const (
	// shoppers is how many ask at once while the server is saturated.
	shoppers = 16
	// loadAim is what p95 at half of the load is to be under, in milliseconds.
	loadAim = 50
)

func (l *load) run(ctx context.Context, a *aims) error {
	var rows [][]string
	for _, system := range systems() {
		row, err := l.measure(ctx, a, system)
		if err != nil {
			return fmt.Errorf("drive traffic on %s: %w", system, err)
		}
		rows = append(rows, row)
	}
	table(fmt.Sprintf("Mixed traffic over HTTP, one request in %d an order; the traffic runs on the same cores; median of %d rounds", orderEvery, l.rounds),
		[]string{"", "saturated", "half of it", "p50", "p95", "p95 of orders", "p99", "errors"}, rows)
	return nil
}

func (l *load) measure(ctx context.Context, a *aims, system string) (row []string, err error) {
	run, err := openMeasured(ctx, system, l.server)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.close()) }()
	say("%s: warm up", system)
	l.drive(ctx, run.crowd, 0)
	if err := run.settle(ctx); err != nil {
		return nil, err
	}
	var all []*driven
	for range l.rounds {
		full := l.drive(ctx, run.crowd, 0)
		half := l.drive(ctx, run.crowd, max(1, int(full.Throughput/2))) //nolint:mnd // half
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		say("%s: %.0f requests a second saturate it; at half p95 is %s", system, full.Throughput, half.Latencies.P95)
		half.saturated = full.Throughput
		all = append(all, half)
	}
	return append([]string{system}, summary(a, system, all)...), nil
}

// driven is what traffic met.
type driven struct {
	vegeta.Metrics

	orders    vegeta.Metrics
	saturated float64 // requests a second, before
}

func summary(a *aims, system string, all []*driven) []string {
	middle := func(of func(*driven) float64) float64 {
		values := make([]float64, len(all))
		for i, one := range all {
			values[i] = of(one)
		}
		return median(values)
	}
	latency := func(of func(*driven) time.Duration) string {
		return milliseconds(time.Duration(middle(func(d *driven) float64 { return float64(of(d)) })))
	}
	return []string{
		fmt.Sprintf("%.0f/s", middle(func(d *driven) float64 { return d.saturated })),
		fmt.Sprintf("%.0f/s", middle(func(d *driven) float64 { return d.Rate })),
		latency(func(d *driven) time.Duration { return d.Latencies.P50 }),
		a.atMost("p95 at half of the load on "+system, middle(func(d *driven) float64 { return float64(d.Latencies.P95) / float64(time.Millisecond) }), loadAim, " ms"),
		latency(func(d *driven) time.Duration { return d.orders.Latencies.P95 }),
		latency(func(d *driven) time.Duration { return d.Latencies.P99 }),
		a.atMost("requests that failed on "+system, 100*middle(func(d *driven) float64 { return 1 - d.Success }), 0, " %"), //nolint:mnd // percent
	}
}

// drive sends traffic, so many requests a second by as many shoppers as it takes; 0 is as fast as a fixed number of
// shoppers are answered.
func (l *load) drive(ctx context.Context, c *crowd, rate int) *driven {
	options := []func(*vegeta.Attacker){
		vegeta.KeepAlive(true), vegeta.Connections(1000), vegeta.Timeout(10 * time.Second), vegeta.Workers(shoppers), //nolint:mnd // bounds
	}
	if rate == 0 {
		options = append(options, vegeta.MaxWorkers(shoppers))
	}
	result := &driven{}
	pacer := vegeta.ConstantPacer{Freq: rate, Per: time.Second}
	attacker := vegeta.NewAttacker(options...)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	for answer := range attacker.Attack(c.next, pacer, l.length, "market") {
		result.Add(answer)
		if answer.Method == http.MethodPost {
			result.orders.Add(answer)
		}
	}
	result.Close()
	result.orders.Close()
	return result
}

// stock loads the example catalogue and its market days, with so much on offer that it is never sold out.
func stock(ctx context.Context, url string) (err error) {
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := migrations.Migrate(ctx, s.DB()); err != nil {
		return err
	}
	if _, err := seed.Load(ctx, s); err != nil {
		return err
	}
	if _, err := seed.LoadDays(ctx, s, time.Now()); err != nil {
		return err
	}
	return execute(ctx, s.DB(), "UPDATE offerings SET quantity = 1000000, available = 1000000", "ANALYZE")
}
