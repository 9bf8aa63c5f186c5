// Package guard stands between the market and a payment provider, so that a provider which is slow, failing or away
// costs the market as little as possible, and nobody is charged twice for it.
package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Settings bound what the market spends on its provider. Zero values mean the defaults.
type Settings struct {
	Timeout     time.Duration // of one call; default 4 s
	Attempts    int           // calls for one request that is safe to repeat, the first included; default 3
	Backoff     time.Duration // wait before the first repeat; it doubles with each, up to ten times this; default 150 ms
	Concurrency uint          // calls under way at a time; default 32
	MaxWait     time.Duration // for one of these to end; default 500 ms
	Failures    uint          // of the last 2·Failures calls that open the breaker; default 5
	OpenFor     time.Duration // before a call is tried again; default 10 s
}

func (s Settings) complete() Settings {
	return Settings{
		Timeout: or(s.Timeout, 4*time.Second), Attempts: or(s.Attempts, 3), Backoff: or(s.Backoff, 150*time.Millisecond),
		Concurrency: or(s.Concurrency, 32), MaxWait: or(s.MaxWait, 500*time.Millisecond),
		Failures: or(s.Failures, 5), OpenFor: or(s.OpenFor, 10*time.Second),
	}
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// probes is how many calls have to succeed before the breaker closes.
const probes = 2

// executor runs calls under policies, whatever they answer with.
type executor = failsafe.Executor[any]

// Guard is a market.PaymentProvider that calls another one.
type Guard struct {
	provider market.PaymentProvider
	breaker  circuitbreaker.CircuitBreaker[any]
	openFor  time.Duration
	signals  *signals

	once       executor // for calls that must not be repeated without a new look
	repeatable executor
}

// New guards the provider with the name, as telemetry says it.
func New(name string, provider market.PaymentProvider, settings Settings, tel *telemetry.Telemetry) *Guard {
	s := settings.complete()
	g := &Guard{provider: provider, openFor: s.OpenFor, signals: newSignals(name, tel)}
	g.breaker = circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return isOutage(err) }).
		WithFailureThresholdRatio(s.Failures, 2*s.Failures).
		WithSuccessThreshold(probes).
		WithDelay(s.OpenFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			tel.Logger.Warn("payment provider's circuit breaker", "provider", name, "from", e.OldState.String(), "to", e.NewState.String())
		}).
		Build()
	protected := []failsafe.Policy[any]{
		bulkhead.NewBuilder[any](s.Concurrency).WithMaxWaitTime(s.MaxWait).Build(),
		g.breaker,
		timeout.New[any](s.Timeout),
	}
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return isPassing(err) }).
		WithMaxAttempts(s.Attempts).
		WithBackoff(s.Backoff, 10*s.Backoff).
		WithJitterFactor(0.5). //nolint:mnd // half: callers that failed together come back apart
		ReturnLastFailure().
		Build()
	g.once = failsafe.With(protected...)
	g.repeatable = failsafe.With(append([]failsafe.Policy[any]{retry}, protected...)...)
	g.signals.watch(g.State)
	return g
}

// isOutage reports whether the error says that the provider does not work. A payment that is declined, an intent that is
// not found and a caller that goes away say nothing of the kind.
func isOutage(err error) bool {
	return errors.Is(err, timeout.ErrExceeded) ||
		errors.Is(err, market.ErrProviderUnavailable) && !errors.Is(err, context.Canceled)
}

// isPassing reports whether the same call may succeed in a moment.
func isPassing(err error) bool {
	return isOutage(err) && !errors.Is(err, payments.ErrCredentials)
}

// CreateIntent implements market.PaymentProvider. Without an idempotency key it is not repeated.
func (g *Guard) CreateIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	return call(ctx, g, catalogue.PaymentCreateIntent, g.given(request.IdempotencyKey),
		func(ctx context.Context) (market.PaymentIntent, error) { return g.provider.CreateIntent(ctx, request) })
}

// GetIntent implements market.PaymentProvider.
func (g *Guard) GetIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	return call(ctx, g, catalogue.PaymentGetIntent, g.repeatable,
		func(ctx context.Context) (market.PaymentIntent, error) { return g.provider.GetIntent(ctx, ref) })
}

// CancelIntent implements market.PaymentProvider. It has no idempotency key, so it is not repeated here.
func (g *Guard) CancelIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	return call(ctx, g, catalogue.PaymentCancelIntent, g.once,
		func(ctx context.Context) (market.PaymentIntent, error) { return g.provider.CancelIntent(ctx, ref) })
}

// CallOffIntent implements market.PaymentProvider. Without an idempotency key it is not repeated.
func (g *Guard) CallOffIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	return call(ctx, g, catalogue.PaymentCallOff, g.given(request.IdempotencyKey),
		func(ctx context.Context) (market.PaymentIntent, error) { return g.provider.CallOffIntent(ctx, request) })
}

// Refund implements market.PaymentProvider. Without an idempotency key it is not repeated.
func (g *Guard) Refund(ctx context.Context, request market.RefundRequest) (market.Refund, error) {
	return call(ctx, g, catalogue.PaymentRefund, g.given(request.IdempotencyKey),
		func(ctx context.Context) (market.Refund, error) { return g.provider.Refund(ctx, request) })
}

// GetRefund implements market.PaymentProvider.
func (g *Guard) GetRefund(ctx context.Context, ref string) (market.Refund, error) {
	return call(ctx, g, catalogue.PaymentGetRefund, g.repeatable,
		func(ctx context.Context) (market.Refund, error) { return g.provider.GetRefund(ctx, ref) })
}

// given picks the policies for a call with the idempotency key.
func (g *Guard) given(idempotencyKey string) executor {
	if idempotencyKey == "" {
		return g.once
	}
	return g.repeatable
}

// call makes the call under the policies.
func call[T any](ctx context.Context, g *Guard, operation string, policies executor, do func(context.Context) (T, error)) (T, error) {
	var asked atomic.Bool // the policies run it elsewhere, and may have gone on
	answer, err := policies.WithContext(ctx).GetWithExecution(func(x failsafe.Execution[any]) (any, error) {
		asked.Store(true)
		attempt := g.signals.begin(x.Context(), ctx, operation, x.Attempts())
		answer, err := do(attempt.ctx)
		attempt.end(err)
		return answer, err
	})
	switch {
	case errors.Is(err, circuitbreaker.ErrOpen):
		g.signals.reject(ctx, operation, catalogue.PaymentRejectedByBreaker)
	case errors.Is(err, bulkhead.ErrFull):
		g.signals.reject(ctx, operation, catalogue.PaymentRejectedByBulkhead)
	}
	err = asUnavailable(operation, err)
	if err != nil && !asked.Load() {
		err = fmt.Errorf("%w: %w", err, market.ErrNotAsked)
	}
	value, _ := answer.(T) // none came when the call was not made
	return value, err
}

// asUnavailable gives what the policies and the context end calls with the kind that the port promises.
func asUnavailable(operation string, err error) error {
	for _, ours := range []error{
		circuitbreaker.ErrOpen, bulkhead.ErrFull, timeout.ErrExceeded, context.DeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, ours) && !errors.Is(err, market.ErrProviderUnavailable) {
			return fmt.Errorf("ask the payment provider to %s: %w: %w", operation, market.ErrProviderUnavailable, err)
		}
	}
	return err
}

// State is the state of the circuit breaker. A breaker whose time is up is half open, although no call has tried it yet.
func (g *Guard) State() string {
	switch {
	case g.breaker.IsClosed():
		return catalogue.BreakerClosed
	case g.breaker.IsOpen() && g.breaker.RemainingDelay() > 0:
		return catalogue.BreakerOpen
	}
	return catalogue.BreakerHalfOpen
}

// Probe fails while the breaker keeps calls from being made. It asks the provider nothing.
func (g *Guard) Probe(context.Context) error {
	if g.State() == catalogue.BreakerOpen {
		return fmt.Errorf("%w: its circuit breaker is open; it is asked again in %s, as in every %s",
			market.ErrProviderUnavailable, g.breaker.RemainingDelay().Round(time.Second), g.openFor)
	}
	return nil
}
