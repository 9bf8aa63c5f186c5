package market

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// refundPatience is how long news of a pending refund is waited for before the provider is asked. Banks take days.
const refundPatience = time.Hour

// RefundRequest says what is to be given back.
type RefundRequest struct {
	ProviderRef    string // the intent's
	PaymentID      string
	Amount         Money
	IdempotencyKey string // 1 to 255 visible ASCII characters; one for each try
}

// Refund is money given back, as the provider knows it.
type Refund struct {
	ProviderRef string // the refund's id; empty when there is none
	Key         string // the idempotency key that it was made with; empty when the provider does not return it
	State       PaymentState
	Failure     string // why it failed, in the provider's words
}

// refundKey is the idempotency key of the current try to give the payment back. A provider that forgets keys does not
// refund twice either: there is no more to give back.
func (p *Payment) refundKey() string { return fmt.Sprintf("refund-%s-%d", p.ID, p.RefundTry) }

// refundRequest is the current try.
func (p *Payment) refundRequest() RefundRequest {
	return RefundRequest{ProviderRef: p.ProviderRef, PaymentID: p.ID, Amount: p.Amount, IdempotencyKey: p.refundKey()}
}

// giveBack asks for the captured money to be refunded. Each time is a try of its own.
func (p *Payment) giveBack(reason string, now time.Time) {
	p.moveTo(PaymentRefunding, now)
	p.RefundTry++
	p.RefundRef, p.RefundFailure = "", ""
	p.RefundReason, p.NextAttemptAt = reason, now
}

// reportRefund takes in what the provider says about a refund. What it says about an earlier try, or about a refund that
// is none of ours, changes nothing.
func (p *Payment) reportRefund(refund Refund, now time.Time) {
	if refund.Key != p.refundKey() && (p.RefundRef == "" || refund.ProviderRef != p.RefundRef) {
		return
	}
	switch {
	case p.State.CanBecome(refund.State):
		p.moveTo(refund.State, now)
		p.RefundRef, p.RefundFailure = refund.ProviderRef, refund.Failure
	case p.State == PaymentRefunding && refund.State == PaymentRefunding:
		p.RefundRef, p.NextAttemptAt = refund.ProviderRef, now.Add(refundPatience)
	}
}

// RetryRefund tries again to give back what could not be given back. While a refund is under way it changes nothing. Repeated
// with the same key it has the outcome that it had at first, and replayed is true: what comes late begins no other try. It fails
// with ErrForbidden, ErrNotFound, ErrInvalid and ErrKeyReused, and with ErrConflict when no refund of the order has failed.
func (c *Checkout) RetryRefund(ctx context.Context, actor Actor, id, idempotencyKey string) (order Order, replayed bool, err error) {
	if err := actor.mustManage("try a refund again"); err != nil {
		return Order{}, false, err
	}
	id = strings.ToLower(id)
	key, err := newRequestKey(actor, refundOperation, idempotencyKey, id)
	if err != nil {
		return Order{}, false, err
	}
	var result outcome
	err = c.atomically(ctx, "try a refund again", func(ctx context.Context, tx CheckoutTx) error {
		result, err = c.retryRefundOnce(ctx, tx, id, key)
		return err
	})
	if err != nil {
		return Order{}, false, err
	}
	order, err = result.result()
	return order, result.replayed, err
}

func (c *Checkout) retryRefundOnce(ctx context.Context, tx CheckoutTx, id string, key RequestKey) (outcome, error) {
	if err := tx.HoldKey(ctx, key.AccountID, refundOperation+" "+key.Key); err != nil {
		return outcome{}, err
	}
	order, err := tx.LockOrder(ctx, id)
	if err != nil && refusalOf(err) == nil {
		return outcome{}, err
	}
	if before, lookupErr := earlier(ctx, tx, key); !errors.Is(lookupErr, ErrNotFound) {
		return before, lookupErr
	}
	if err == nil {
		err = c.giveBackAgain(ctx, tx, &order)
	}
	if err == nil {
		return c.keep(ctx, tx, key, outcome{Order: &order})
	}
	refused := refusalOf(err)
	if refused == nil {
		return outcome{}, err
	}
	return c.keep(ctx, tx, key, outcome{Refusal: refused})
}

// giveBackAgain begins another try of each refund of the locked order that has failed.
func (c *Checkout) giveBackAgain(ctx context.Context, tx CheckoutTx, order *Order) error {
	underWay := false
	for i := range order.Payments {
		payment := &order.Payments[i]
		underWay = underWay || payment.State == PaymentRefunding
		if payment.State != PaymentRefundFailed {
			continue
		}
		underWay = true
		payment.giveBack(payment.RefundReason, c.clock.Now())
		if err := tx.SavePayment(ctx, order.CustomerID, *payment); err != nil {
			return err
		}
	}
	if !underWay {
		return &ConflictError{Kind: "order", ID: order.ID, Reason: "has no refund that failed"}
	}
	return nil
}
