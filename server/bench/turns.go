package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// clients is how many ask at once on either side: enough to keep two cores busy.
const clients = 16

// side is one of two that are compared: it does what is counted for one client, again and again until the time has come,
// and returns how often.
type side func(ctx context.Context, end time.Time) (int, error)

// repeat makes a side of what is done once.
func repeat(ctx context.Context, end time.Time, once func() error) (done int, err error) {
	for time.Now().Before(end) && ctx.Err() == nil {
		if err := once(); err != nil {
			return done, err
		}
		done++
	}
	return done, ctx.Err()
}

// drive runs a side for the time, and returns how often a second it did what it does.
func drive(ctx context.Context, length time.Duration, s side) (float64, error) {
	var sum atomic.Int64
	start := time.Now()
	group, inner := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			done, err := s(inner, start.Add(length))
			sum.Add(int64(done))
			return err
		})
	}
	err := group.Wait()
	if ctx.Err() != nil { // what broke then broke for that
		return 0, ctx.Err()
	}
	return float64(sum.Load()) / time.Since(start).Seconds(), err
}

// comparison is what two sides reach: in a second, and the one's part of the other's. All are medians of turns.
type comparison struct{ own, bare, ratio float64 }

// compare lets both sides take turns, the one first and then the other, so that whatever else the machine does befalls
// both. A turn in which it did much else has no say.
func compare(ctx context.Context, turns int, length time.Duration, own, bare side) (comparison, error) {
	sides := [2]side{own, bare}
	var rates [2][]float64
	for turn := range turns + 1 {
		for i := range sides {
			which := (turn + i) % len(sides)
			rate, err := drive(ctx, length, sides[which])
			if err != nil {
				return comparison{}, fmt.Errorf("the %s side: %w", [2]string{"own", "bare"}[which], err)
			}
			if turn > 0 { // the first is to warm up
				rates[which] = append(rates[which], rate)
			}
		}
	}
	ratios := make([]float64, turns)
	for i := range ratios {
		ratios[i] = rates[0][i] / rates[1][i]
	}
	return comparison{median(rates[0]), median(rates[1]), median(ratios)}, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
