package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tsenart/vegeta/v12/lib"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
)

// load drives mixed traffic to the real server: first as much as it takes, then half of that, at fixed times, whether
// earlier requests have been answered or not, so that no slow answer hides the wait of those behind it.
type load struct {
	server string // path of the program
	length time.Duration
}

// shoppers is how many ask at once while the server is saturated.
const shoppers = 16

func (l *load) run(ctx context.Context) error {
	var rows [][]string
	for _, system := range systems() {
		row, err := l.measure(ctx, system)
		if err != nil {
			return fmt.Errorf("drive traffic on %s: %w", system, err)
		}
		rows = append(rows, row)
	}
	table(fmt.Sprintf("Mixed traffic over HTTP, one request in %d an order; the traffic runs on the same cores", orderEvery),
		[]string{"", "saturated", "half of it", "p50", "p95", "p99", "errors"}, rows)
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
	say("%s: warm up, then saturate", system)
	l.drive(crowd, vegeta.ConstantPacer{}, l.length/4) //nolint:mnd // long enough for caches and connections
	full := l.drive(crowd, vegeta.ConstantPacer{}, l.length)
	half := vegeta.ConstantPacer{Freq: max(1, int(full.Throughput/2)), Per: time.Second} //nolint:mnd // half
	say("%s: %.0f requests a second saturate it; %d now", system, full.Throughput, half.Freq)
	at := l.drive(crowd, half, l.length)
	return []string{
		system, fmt.Sprintf("%.0f/s", full.Throughput), fmt.Sprintf("%d/s", half.Freq), milliseconds(at.Latencies.P50),
		milliseconds(at.Latencies.P95), milliseconds(at.Latencies.P99), fmt.Sprintf("%.2f %%", 100*(1-at.Success)), //nolint:mnd // percent
	}, nil
}

// drive sends traffic. A pacer without a frequency sends as fast as so many shoppers are answered; with one, as many
// shoppers come as it takes to keep to it.
func (l *load) drive(c *crowd, pacer vegeta.ConstantPacer, length time.Duration) *vegeta.Metrics {
	options := []func(*vegeta.Attacker){vegeta.KeepAlive(true), vegeta.Connections(1000), vegeta.Timeout(10 * time.Second), vegeta.Workers(shoppers)} //nolint:mnd // bounds
	if pacer.Freq == 0 {
		options = append(options, vegeta.MaxWorkers(shoppers))
	}
	metrics := &vegeta.Metrics{}
	for result := range vegeta.NewAttacker(options...).Attack(c.next, pacer, length, "market") {
		metrics.Add(result)
	}
	metrics.Close()
	return metrics
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
