package main

import (
	"context"
	"fmt"
	"time"
)

// ratios compare what HTTP and telemetry cost with what there is without, turn by turn.
type ratios struct {
	server string // path of the program
	turns  int
	length time.Duration // of a turn
}

// What the ratios must reach.
const (
	cachedAim = 0.6
	orderAim  = 0.7
)

func (r *ratios) run(ctx context.Context, a *aims) error {
	say("ratios: %d turns of %s a side", r.turns, r.length)
	c, err := r.cached(ctx)
	if err != nil {
		return fmt.Errorf("compare the cached list with a bare handler: %w", err)
	}
	rows := [][]string{c.row(a, "cached list of products, against a bare Fiber handler that sends the same bytes", cachedAim)}
	for _, system := range systems() {
		say("%s: orders", system)
		c, err := r.orders(ctx, system)
		if err != nil {
			return fmt.Errorf("compare orders with the bare transaction on %s: %w", system, err)
		}
		rows = append(rows, c.row(a, "order over HTTP, against the bare transaction, "+system, orderAim))
	}
	table("What HTTP and telemetry cost; the median of the turns", []string{"", "own", "bare", "ratio"}, rows)
	return nil
}

func (c comparison) row(a *aims, what string, aim float64) []string {
	return []string{what, fmt.Sprintf("%.0f/s", c.own), fmt.Sprintf("%.0f/s", c.bare), a.atLeast(what, c.ratio, aim)}
}
