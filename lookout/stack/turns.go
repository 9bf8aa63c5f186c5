package stack

import (
	"context"
	"fmt"
	"slices"

	"github.com/farmersmarket/platform/lookout/upstream"
)

// turns hands out places in a queue of builds, so that each gets the whole machine.
type turns struct {
	without []string // names that build nothing
	last    chan struct{}
}

// turn is a place in the queue.
type turn struct {
	before <-chan struct{} // closed when it is this one's turn; nil for the first
	done   chan struct{}
}

func (t *turns) next(name string) turn {
	place := turn{before: t.last, done: make(chan struct{})}
	if !slices.Contains(t.without, name) {
		t.last = place.done
	}
	return place
}

func (t turn) wait(ctx context.Context) error {
	if t.before == nil {
		return nil
	}
	select {
	case <-t.before:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another build: %w", ctx.Err())
	}
}

// end lets the next one begin, once the places before this one have ended too.
func (t turn) end() {
	if t.before == nil {
		close(t.done)
		return
	}
	go func() {
		<-t.before
		close(t.done)
	}()
}

func (t turn) inOrder(find func(context.Context, report) (upstream.Found, error)) func(context.Context, report) (upstream.Found, error) {
	return func(ctx context.Context, say report) (upstream.Found, error) {
		defer t.end()
		if err := t.wait(ctx); err != nil {
			return upstream.Found{}, err
		}
		return find(ctx, say)
	}
}
