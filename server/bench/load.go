package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	length time.Duration
}

const (
	loadRounds = 5
	// shoppers is how many ask at once while the server is saturated.
	shoppers = 16
)

func (l *load) run(ctx context.Context) error {
	var rows [][]string
	for _, system := range systems() {
		row, err := l.measure(ctx, system)
		if err != nil {
			return fmt.Errorf("drive traffic on %s: %w", system, err)
		}
		rows = append(rows, row)
	}
	table(fmt.Sprintf("Mixed traffic over HTTP, one request in %d an order; the traffic runs on the same cores; median of %d rounds", orderEvery, loadRounds),
		[]string{"", "saturated", "half of it", "p50", "p95", "p95 of orders", "p99", "errors"}, rows)
	return nil
}

func (l *load) measure(ctx context.Context, system string) (row []string, err error) {
	db, err := create(ctx, system)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.drop()) }()
	if err := stock(ctx, db.url); err != nil {
		return nil, err
	}
	server, err := startServer(ctx, l.server, db.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	crowd, err := newCrowd(ctx, server.url)
	if err != nil {
		return nil, err
	}
	say("%s: warm up", system)
	l.drive(crowd, 0)
	var all []*driven
	for range loadRounds {
		full := l.drive(crowd, 0)
		half := l.drive(crowd, max(1, int(full.Throughput/2))) //nolint:mnd // half
		say("%s: %.0f requests a second saturate it; at half p95 is %s", system, full.Throughput, half.Latencies.P95)
		half.saturated = full.Throughput
		all = append(all, half)
	}
	return append([]string{system}, summary(all)...), nil
}

// driven is what traffic met.
type driven struct {
	vegeta.Metrics

	orders    vegeta.Metrics
	saturated float64 // requests a second, before
}

func summary(all []*driven) []string {
	median := func(of func(*driven) float64) float64 {
		values := make([]float64, len(all))
		for i, one := range all {
			values[i] = of(one)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	latency := func(of func(*driven) time.Duration) string {
		return milliseconds(time.Duration(median(func(d *driven) float64 { return float64(of(d)) })))
	}
	return []string{
		fmt.Sprintf("%.0f/s", median(func(d *driven) float64 { return d.saturated })),
		fmt.Sprintf("%.0f/s", median(func(d *driven) float64 { return d.Rate })),
		latency(func(d *driven) time.Duration { return d.Latencies.P50 }),
		latency(func(d *driven) time.Duration { return d.Latencies.P95 }),
		latency(func(d *driven) time.Duration { return d.orders.Latencies.P95 }),
		latency(func(d *driven) time.Duration { return d.Latencies.P99 }),
		fmt.Sprintf("%.2f %%", 100*median(func(d *driven) float64 { return 1 - d.Success })), //nolint:mnd // percent
	}
}

// drive sends traffic, so many requests a second by as many shoppers as it takes; 0 is as fast as a fixed number of
// shoppers are answered.
func (l *load) drive(c *crowd, rate int) *driven {
	options := []func(*vegeta.Attacker){
		vegeta.KeepAlive(true), vegeta.Connections(1000), vegeta.Timeout(10 * time.Second), vegeta.Workers(shoppers), //nolint:mnd // bounds
	}
	if rate == 0 {
		options = append(options, vegeta.MaxWorkers(shoppers))
	}
	result := &driven{}
	pacer := vegeta.ConstantPacer{Freq: rate, Per: time.Second}
	for answer := range vegeta.NewAttacker(options...).Attack(c.next, pacer, l.length, "market") {
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
