package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAims(t *testing.T) {
	for _, c := range []struct {
		name, cell string
		judge      func(*aims) string
		missed     []string
	}{
		{"a ratio that is high enough", "0.70 (≥ 0.7)", func(a *aims) string { return a.atLeast("orders", 0.7, 0.7) }, nil},
		{"a ratio that is too low", "0.69 (≥ 0.7) MISSED", func(a *aims) string { return a.atLeast("orders", 0.69, 0.7) }, []string{"orders is 0.69 (≥ 0.7)"}},
		{"a latency that is low enough", "49.90 ms (≤ 50 ms)", func(a *aims) string { return a.atMost("p95", 49.9, 50, " ms") }, nil},
		{"a latency that is too high", "50.10 ms (≤ 50 ms) MISSED", func(a *aims) string { return a.atMost("p95", 50.1, 50, " ms") }, []string{"p95 is 50.10 ms (≤ 50 ms)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a aims
			require.Equal(t, c.cell, c.judge(&a))
			require.Equal(t, c.missed, a.missed)
		})
	}
}

func TestSides(t *testing.T) {
	working := func(ctx context.Context, end time.Time) (int, error) {
		return repeat(ctx, end, func() error { return nil })
	}
	t.Run("end with the error of a client", func(t *testing.T) {
		broken := errors.New("answered 500")
		_, err := compare(t.Context(), 1, time.Minute, func(context.Context, time.Time) (int, error) { return 0, broken }, working)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "the own side")
	})
	t.Run("end when they are told to, long before their time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := compare(ctx, 1, time.Hour, func(ctx context.Context, end time.Time) (int, error) {
			cancel()
			return working(ctx, end)
		}, working)
		require.ErrorIs(t, err, context.Canceled)
	})
}
