package stack

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/upstream"
)

func TestTurns(t *testing.T) {
	t.Run("builds run one at a time in the order of their places, whoever asks first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			order := &turns{without: []string{"b"}}
			var built []string
			var builds sync.WaitGroup
			places := map[string]turn{"a": order.next("a"), "b": order.next("b"), "c": order.next("c"), "d": order.next("d")}
			for i, name := range []string{"d", "c", "a"} {
				builds.Go(func() {
					time.Sleep(time.Duration(i) * time.Second)
					find := places[name].inOrder(func(context.Context, report) (upstream.Found, error) {
						built = append(built, name+" begins")
						time.Sleep(time.Minute)
						built = append(built, name+" ends")
						return upstream.Found{}, nil
					})
					_, err := find(t.Context(), nil)
					require.NoError(t, err)
				})
			}
			builds.Wait()
			require.Equal(t, []string{"a begins", "a ends", "c begins", "c ends", "d begins", "d ends"}, built)
		})
	})
	t.Run("one that needs no build does not let the next overtake the one before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			order := &turns{}
			a, b, c := order.next("a"), order.next("b"), order.next("c")
			b.end()
			waited := make(chan error, 1)
			go func() { waited <- c.wait(t.Context()) }()
			synctest.Wait()
			require.Empty(t, waited)
			a.end()
			require.NoError(t, <-waited)
		})
	})
	t.Run("waiting ends when the stack stops", func(t *testing.T) {
		order := &turns{}
		order.next("a")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, order.next("b").wait(ctx), context.Canceled)
	})
}

func TestBackoff(t *testing.T) {
	var delays backoff
	for i, seconds := range []float64{0.5, 1, 2, 4, 8, 16, 30, 30} {
		require.InEpsilon(t, seconds, delays.after(time.Second).Seconds(), 1e-9, "crash %d", i+1)
	}
	require.Equal(t, 500*time.Millisecond, delays.after(time.Minute), "a steady run makes the next crash the first")
}
