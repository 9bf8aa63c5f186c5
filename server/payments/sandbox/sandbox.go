// Package sandbox is a payment provider that takes no money. It keeps the promises of a real one, and breaks down in all
// the ways of a real one when it is told to: by the payment method of one payment, or through the admin port for all.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Name is what telemetry and the webhook's path call this provider.
const Name = "sandbox"

// Notice is what it says of itself, so that nobody takes it for real.
const Notice = "this is a sandbox: no money is taken"

// slowness is how slow the sandbox is when nothing else is said.
const slowness = 2 * time.Second

// Ledger keeps what a provider must not forget, whatever happens to the process. Its errors are of the kinds of package
// market.
type Ledger interface {
	// SandboxIntent fails with market.ErrNotFound.
	SandboxIntent(ctx context.Context, ref string) (Intent, error)
	// ChangeSandboxIntent lets change alter the intent, or a zero one when there is none, and stores it together with the
	// deliveries that change returns. Nobody else changes the intent meanwhile.
	ChangeSandboxIntent(ctx context.Context, ref string, change func(*Intent) ([]Delivery, error)) (Intent, error)
	// SandboxDeliveries returns the deliveries that are still to be made, the first due first.
	SandboxDeliveries(ctx context.Context, limit int) ([]Delivery, error)
	SaveSandboxDelivery(ctx context.Context, d Delivery) error
	DeleteSandboxDelivery(ctx context.Context, id string) error
}

// Sandbox is a market.PaymentProvider. It is safe for concurrent use.
type Sandbox struct {
	ledger  Ledger
	webhook payments.Webhook
	clock   market.Clock
	logger  *slog.Logger
	wake    chan struct{} // there are new deliveries
	traces  traces

	mu    sync.Mutex
	order Order
}

// Order is how the sandbox was told, through the admin port, to treat all payments for a while.
type Order struct {
	Behaviour Behaviour
	Delay     time.Duration // of slow answers
	ExpiresAt time.Time
}

// New returns a sandbox that remembers in the ledger and signs its deliveries for the webhook.
func New(ledger Ledger, webhook payments.Webhook, clock market.Clock, logger *slog.Logger) *Sandbox {
	logger.Warn("payments are made with the sandbox", "notice", Notice, "methods", tokens())
	return &Sandbox{ledger: ledger, webhook: webhook, clock: clock, logger: logger, wake: make(chan struct{}, 1)}
}

// CreateIntent implements market.PaymentProvider.
func (s *Sandbox) CreateIntent(ctx context.Context, r market.PaymentRequest) (market.PaymentIntent, error) {
	behaviour, known := behaviourOf(r.Method)
	if !known {
		return market.PaymentIntent{}, &market.DeclinedError{
			Reason: fmt.Sprintf("%q is no payment method of the sandbox, which takes %s", r.Method, tokens()),
		}
	}
	order, told := s.told()
	if told {
		behaviour = order.Behaviour
		if err := s.suffer(ctx, order); err != nil {
			return market.PaymentIntent{}, err
		}
	}
	intent, err := s.ledger.ChangeSandboxIntent(ctx, refOf(r), func(i *Intent) ([]Delivery, error) {
		return s.create(i, r, behaviour)
	})
	if err != nil {
		return market.PaymentIntent{}, fmt.Errorf("create an intent for payment %s in the sandbox: %w", r.PaymentID, asUnavailable(err))
	}
	s.traces.keep(ctx, intent.Ref)
	s.nudge()
	s.logger.InfoContext(ctx, "sandbox payment", "notice", Notice, "provider_ref", intent.Ref, "payment_id", r.PaymentID,
		"behaviour", intent.Behaviour, "status", intent.Status)
	if err := trouble(ctx, intent, order.Delay); err != nil {
		return market.PaymentIntent{}, err
	}
	if intent.Behaviour == Decline {
		return market.PaymentIntent{}, &market.DeclinedError{Reason: "the card was declined (" + Notice + ")"}
	}
	return intent.view(intent.Answer), nil
}

// refOf derives the intent's id from the idempotency key, so that the same call again finds it.
func refOf(r market.PaymentRequest) string {
	sum := sha256.Sum256([]byte(r.IdempotencyKey))
	return "pi_sandbox_" + hex.EncodeToString(sum[:12])
}

func (s *Sandbox) create(i *Intent, r market.PaymentRequest, behaviour Behaviour) ([]Delivery, error) {
	i.begin(r, behaviour)
	if !i.sameAs(r) {
		return nil, fmt.Errorf("the idempotency key %q was used for payment %s over %s", r.IdempotencyKey, i.PaymentID, i.Amount)
	}
	now := s.clock.Now()
	i.Calls++
	i.settle(now)
	if i.Answer != "" || i.Behaviour == Fail && i.Calls <= failures {
		return nil, nil
	}
	return i.act(now)
}

// trouble is what the payment's own behaviour does to the answer, when all else is done.
func trouble(ctx context.Context, i Intent, delay time.Duration) error {
	first := i.Calls == 1
	switch {
	case i.Answer == "":
		return fmt.Errorf("%w: the sandbox was told to fail (call %d of %d)", market.ErrProviderUnavailable, i.Calls, failures)
	case i.Behaviour == Slow:
		return wait(ctx, delay)
	case i.Behaviour == Lost && first:
		return fmt.Errorf("%w: the sandbox was told to lose its answer", market.ErrProviderUnavailable)
	case i.Behaviour == Timeout && first:
		return never(ctx)
	}
	return nil
}

// GetIntent implements market.PaymentProvider.
func (s *Sandbox) GetIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	if order, told := s.told(); told {
		if err := errors.Join(s.suffer(ctx, order), s.delay(ctx, order)); err != nil {
			return market.PaymentIntent{}, err
		}
	}
	intent, err := s.ledger.SandboxIntent(ctx, ref)
	if err != nil {
		return market.PaymentIntent{}, fmt.Errorf("read an intent in the sandbox: %w", asUnavailable(err))
	}
	intent.settle(s.clock.Now())
	return intent.view(intent.Status), nil
}

// CancelIntent implements market.PaymentProvider.
func (s *Sandbox) CancelIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	intent, err := s.change(ctx, ref, "cancel", func(i *Intent) ([]Delivery, error) {
		if i.settled() {
			return nil, nil
		}
		i.Status, i.CapturesAt = stripe.PaymentIntentStatusCanceled, time.Time{}
		d, err := i.event(i.Status, s.clock.Now(), s.clock.Now())
		return []Delivery{d}, err
	})
	return intent.view(intent.Status), err
}

// CallOffIntent implements market.PaymentProvider. What has not arrived is kept as cancelled, for when it does.
func (s *Sandbox) CallOffIntent(ctx context.Context, r market.PaymentRequest) (market.PaymentIntent, error) {
	if order, told := s.told(); told {
		if err := errors.Join(s.suffer(ctx, order), s.delay(ctx, order)); err != nil {
			return market.PaymentIntent{}, err
		}
	}
	intent, err := s.ledger.ChangeSandboxIntent(ctx, refOf(r), func(i *Intent) ([]Delivery, error) {
		i.begin(r, OK)
		i.settle(s.clock.Now())
		if i.settled() {
			return nil, nil
		}
		if i.Answer == "" { // nothing was done for it
			i.Answer = stripe.PaymentIntentStatusCanceled
		}
		i.Status, i.CapturesAt = stripe.PaymentIntentStatusCanceled, time.Time{}
		return nil, nil
	})
	if err != nil {
		return market.PaymentIntent{}, fmt.Errorf("call off payment %s in the sandbox: %w", r.PaymentID, asUnavailable(err))
	}
	return intent.view(intent.Status), nil
}

// change alters an intent that there is.
func (s *Sandbox) change(ctx context.Context, ref, doing string, change func(*Intent) ([]Delivery, error)) (Intent, error) {
	if order, told := s.told(); told {
		if err := errors.Join(s.suffer(ctx, order), s.delay(ctx, order)); err != nil {
			return Intent{}, err
		}
	}
	intent, err := s.ledger.ChangeSandboxIntent(ctx, ref, func(i *Intent) ([]Delivery, error) {
		if i.Ref == "" {
			return nil, &market.NotFoundError{Kind: "payment intent", ID: ref}
		}
		i.settle(s.clock.Now())
		return change(i)
	})
	if err != nil {
		return Intent{}, fmt.Errorf("%s intent %s in the sandbox: %w", doing, ref, asUnavailable(err))
	}
	s.nudge()
	return intent, nil
}

// told returns the order in force.
func (s *Sandbox) told() (order Order, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order, s.clock.Now().Before(s.order.ExpiresAt)
}

// suffer does what an order does to every call, before anything else.
func (s *Sandbox) suffer(ctx context.Context, order Order) error {
	switch order.Behaviour {
	case Fail:
		return fmt.Errorf("%w: the sandbox was told to fail", market.ErrProviderUnavailable)
	case Timeout:
		return never(ctx)
	}
	return nil
}

func (s *Sandbox) delay(ctx context.Context, order Order) error {
	if order.Behaviour != Slow {
		return nil
	}
	return wait(ctx, order.Delay)
}

// wait takes the time, or as long as the caller has.
func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		d = slowness
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the sandbox was told to be slow: %w", market.ErrProviderUnavailable, ctx.Err())
	}
}

// never takes as long as the caller has.
func never(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("%w: the sandbox was told not to answer: %w", market.ErrProviderUnavailable, ctx.Err())
}

// asUnavailable makes trouble of the ledger's trouble of the provider's, which is what it would be to the market.
func asUnavailable(err error) error {
	if errors.Is(err, market.ErrUnavailable) || errors.Is(err, market.ErrTimeout) {
		return fmt.Errorf("%w: %s", market.ErrProviderUnavailable, err.Error())
	}
	return err
}
