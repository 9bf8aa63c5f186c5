package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Refund is one try to give a payment back.
type Refund struct {
	Ref    string              `json:"ref"`
	Key    string              `json:"key"`    // idempotency key that it was made with
	Amount int64               `json:"amount"` // minor units
	Status stripe.RefundStatus `json:"status"`
	// At EndsAt it comes into the status EndsAs by itself; zero when it stays as it is.
	EndsAt time.Time           `json:"ends_at,omitzero"`
	EndsAs stripe.RefundStatus `json:"ends_as,omitempty"`
}

// refundFailure is why a refund fails, in Stripe's words.
const refundFailure = "lost_or_stolen_card"

// Refund implements market.PaymentProvider.
func (s *Sandbox) Refund(ctx context.Context, request market.RefundRequest) (market.Refund, error) {
	var made Refund
	_, err := s.change(ctx, request.ProviderRef, "refund "+request.Amount.String()+" of", func(i *Intent) (deliveries []Delivery, err error) {
		made, deliveries, err = i.refund(request, s.clock.Now())
		return deliveries, err
	})
	return made.view(), err
}

// GetRefund implements market.PaymentProvider.
func (s *Sandbox) GetRefund(ctx context.Context, ref string) (market.Refund, error) {
	if order, told := s.told(); told {
		if err := errors.Join(s.suffer(ctx, order), s.delay(ctx, order)); err != nil {
			return market.Refund{}, err
		}
	}
	of, _, _ := strings.Cut(strings.TrimPrefix(ref, refundPrefix), "_of_")
	intent, err := s.ledger.SandboxIntent(ctx, of)
	if err != nil && !errors.Is(err, market.ErrNotFound) {
		return market.Refund{}, fmt.Errorf("read refund %s in the sandbox: %w", ref, asUnavailable(err))
	}
	intent.settle(s.clock.Now())
	at := slices.IndexFunc(intent.Refunded, func(r Refund) bool { return r.Ref == ref })
	if at < 0 {
		return market.Refund{}, fmt.Errorf("read a refund in the sandbox: %w", &market.NotFoundError{Kind: "refund", ID: ref})
	}
	return intent.Refunded[at].view(), nil
}

// refundPrefix begins the id of a refund, of which the rest names the intent and the try.
const refundPrefix = "re_"

// refund gives the amount back, once: a refund that has not failed is the answer to every request for one.
func (i *Intent) refund(request market.RefundRequest, now time.Time) (Refund, []Delivery, error) {
	for _, before := range i.Refunded {
		if before.Key == request.IdempotencyKey || before.Status != stripe.RefundStatusFailed {
			return before, nil, nil
		}
	}
	switch {
	case i.Status != stripe.PaymentIntentStatusSucceeded:
		return Refund{}, nil, fmt.Errorf("it is %s: nothing was captured", i.Status)
	case request.Amount != i.Amount:
		return Refund{}, nil, fmt.Errorf("%s is not what was captured, %s", request.Amount, i.Amount)
	}
	made := i.planRefund(len(i.Refunded), now)
	made.Ref = fmt.Sprintf("%s%s_of_%d", refundPrefix, i.Ref, len(i.Refunded)+1)
	made.Key, made.Amount = request.IdempotencyKey, request.Amount.Amount
	i.Refunded = append(i.Refunded, made)
	if made.EndsAt.IsZero() {
		return made, nil, nil
	}
	ended := made
	ended.settle(made.EndsAt)
	delivery, err := i.event(i.Status, made.EndsAt, made.EndsAt)
	delivery.EventID, delivery.Refund = fmt.Sprintf("evt_%s_%s", made.Ref, ended.Status), &ended
	return made, []Delivery{delivery}, err
}

// planRefund is what the behaviour makes of a refund, which comes after so many that have failed.
func (i *Intent) planRefund(failed int, now time.Time) Refund {
	later := now.Add(refundTime)
	switch {
	case i.Behaviour == RefundPending:
		return Refund{Status: stripe.RefundStatusPending, EndsAt: later, EndsAs: stripe.RefundStatusSucceeded}
	case i.Behaviour == RefundFails && failed == 0:
		return Refund{Status: stripe.RefundStatusPending, EndsAt: later, EndsAs: stripe.RefundStatusFailed}
	case i.Behaviour == RefundBounces && failed == 0:
		return Refund{Status: stripe.RefundStatusSucceeded, EndsAt: later, EndsAs: stripe.RefundStatusFailed}
	}
	return Refund{Status: stripe.RefundStatusSucceeded}
}

// settle ends the refund if it is time.
func (r *Refund) settle(now time.Time) {
	if !r.EndsAt.IsZero() && !now.Before(r.EndsAt) {
		r.Status, r.EndsAt = r.EndsAs, time.Time{}
	}
}

// failure is why it has failed; empty when it has not.
func (r *Refund) failure() string {
	if r.Status == stripe.RefundStatusFailed {
		return refundFailure
	}
	return ""
}

// view is the refund as the market sees it.
func (r *Refund) view() market.Refund {
	state, _ := payments.RefundStateOf(r.Status) // ours are known
	return market.Refund{ProviderRef: r.Ref, Key: r.Key, State: state, Failure: r.failure()}
}

// object is the refund as an event tells of it.
func (r *Refund) object(d Delivery) (kind string, object payments.EventObject) {
	kind = "refund.updated"
	if r.Status == stripe.RefundStatusFailed {
		kind = "refund.failed"
	}
	return kind, payments.EventObject{
		ID: r.Ref, Object: "refund", Status: string(r.Status), PaymentIntent: d.Ref, FailureReason: r.failure(),
		Metadata: map[string]string{payments.MetadataPayment: d.Payment, payments.MetadataRefund: r.Key, "notice": Notice},
	}
}
