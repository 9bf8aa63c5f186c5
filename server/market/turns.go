package market

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns lets requests with one idempotency key come one after the other, within this process: those that wait here need
// no connection to the database, and know for whom they wait. Its zero value is ready.
type turns struct {
	mu    sync.Mutex
	taken map[turn]chan struct{} // closed when it is over
}

// turn is an account's key for an operation.
type turn struct{ account, operation, key string }

// take waits for the requests with the key that came before, and returns what ends the turn of this one. It fails with
// ErrInProgress when they have not ended within repeatPatience or the context's deadline.
func (t *turns) take(ctx context.Context, key RequestKey) (end func(), err error) {
	mine := turn{key.AccountID, key.Operation, key.Key}
	patience := time.NewTimer(repeatPatience)
	defer patience.Stop()
	for {
		over, free := t.try(mine)
		if free {
			return func() { t.end(mine, over) }, nil
		}
		select {
		case <-over:
		case <-patience.C:
			return nil, &InProgressError{Key: key.Key}
		case <-ctx.Done():
			return nil, stillWaiting(ctx, key)
		}
	}
}

// try takes the turn, if it is free. It returns the channel that tells when it is over.
func (t *turns) try(wanted turn) (over chan struct{}, free bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if over, taken := t.taken[wanted]; taken {
		return over, false
	}
	if t.taken == nil {
		t.taken = map[turn]chan struct{}{}
	}
	over = make(chan struct{})
	t.taken[wanted] = over
	return over, true
}

func (t *turns) end(of turn, over chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, of)
	close(over)
}

// stillWaiting is how a repeat ends whose context has ended while it waited for the first request.
func stillWaiting(ctx context.Context, key RequestKey) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.Join(&InProgressError{Key: key.Key}, ctx.Err())
	}
	return ctx.Err()
}
