package market

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// upkeepBatch bounds how much of one kind is done before the next look.
const upkeepBatch = 100

// forgetBatch bounds how many rows one statement deletes, so that none is locked for long.
const forgetBatch = 1000

// Bounds of how long the market waits before it asks the provider about a payment again.
const (
	firstAttemptDelay = 5 * time.Second
	longestDelay      = 10 * time.Minute
)

// ExpireHolds ends the orders that were not paid in time and returns how many. What fails for one order does not keep the
// others from being ended; the errors are joined.
func (c *Checkout) ExpireHolds(ctx context.Context) (int, error) {
	ids, err := c.store.HeldOrders(ctx, c.clock.Now(), upkeepBatch)
	if err != nil {
		return 0, err
	}
	return each(ctx, c.observer, ids, itself, c.expire)
}

func itself(id string) string { return id }

// each does one thing after the other and returns how many were done. It stops early when the context ends.
func each[T any](ctx context.Context, observer Observer, things []T, id func(T) string, do func(context.Context, T) (bool, error),
) (n int, err error) {
	var problems []error
	for _, thing := range things {
		if ctx.Err() != nil {
			break
		}
		ctx, end := observer.Attending(ctx, id(thing))
		did, err := do(ctx, thing)
		end(err)
		if err != nil {
			problems = append(problems, err)
		}
		if did {
			n++
		}
	}
	return n, errors.Join(problems...)
}

func (c *Checkout) expire(ctx context.Context, id string) (expired bool, err error) {
	var order Order
	err = c.atomically(ctx, "expire order "+id, func(ctx context.Context, tx CheckoutTx) error {
		expired = false
		order, err = tx.LockOrder(ctx, id)
		if err != nil {
			return err
		}
		now := c.clock.Now()
		if !order.overdue(now) {
			return nil // it was paid or cancelled a moment ago
		}
		expired = true
		return c.end(ctx, tx, &order, OrderExpired, now)
	})
	if err != nil {
		return false, err
	}
	if expired {
		c.observer.OrderBecame(order)
	}
	return expired, nil
}

// CloseDays closes the market days whose window is over and that have no order left that waits to be paid, and returns
// how many.
func (c *Checkout) CloseDays(ctx context.Context) (int, error) {
	ids, err := c.store.EndedDays(ctx, c.clock.Now())
	if err != nil {
		return 0, err
	}
	return each(ctx, c.observer, ids, itself, c.closeDay)
}

func (c *Checkout) closeDay(ctx context.Context, id string) (closed bool, err error) {
	err = c.atomically(ctx, "close market day "+id, func(ctx context.Context, tx CheckoutTx) error {
		closed = false
		day, pending, err := tx.LockDay(ctx, id)
		if err != nil {
			return err
		}
		now := c.clock.Now()
		if day.State(now) != DayClosing || pending > 0 {
			return nil
		}
		closed = true
		return tx.CloseDay(ctx, id, now)
	})
	return closed && err == nil, err
}

// AttendPayments asks the provider about payments that need it, and returns how many it got an answer for: refunds to be
// made, payments of orders that have ended to be called off, calls whose answer was lost, events that did not come.
func (c *Checkout) AttendPayments(ctx context.Context) (int, error) {
	places, err := c.store.DuePayments(ctx, c.clock.Now(), upkeepBatch)
	if err != nil {
		return 0, err
	}
	return each(ctx, c.observer, places, func(p PaymentPlace) string { return p.PaymentID }, c.attend)
}

func (c *Checkout) attend(ctx context.Context, place PaymentPlace) (bool, error) {
	order, payment, mine, err := c.claim(ctx, place)
	if err != nil || !mine {
		return false, err
	}
	a := c.ask(ctx, order, payment)
	if err := c.settle(context.WithoutCancel(ctx), place, a, nil); err != nil {
		return false, err
	}
	isAnswer := payment.State != PaymentRefunding && (errors.Is(a.failure, ErrPaymentDeclined) || errors.Is(a.failure, ErrNotFound))
	if a.failure != nil && !isAnswer {
		return false, fmt.Errorf("ask about payment %s, which is %s: %w", payment.ID, payment.State, a.failure)
	}
	return true, nil
}

// claim takes the lease of a payment that is due, and sets when it is due again if nothing comes of it.
func (c *Checkout) claim(ctx context.Context, place PaymentPlace) (order Order, payment Payment, mine bool, err error) {
	err = c.atomically(ctx, "attend to payment "+place.PaymentID, func(ctx context.Context, tx CheckoutTx) error {
		mine = false
		order, err = tx.LockOrder(ctx, place.OrderID)
		if err != nil {
			return err
		}
		found := order.payment(place.PaymentID)
		now := c.clock.Now()
		if found == nil || found.NextAttemptAt.IsZero() || now.Before(found.NextAttemptAt) || now.Before(found.LeaseExpiresAt) {
			return nil // somebody else attends to it
		}
		mine = true
		found.LeaseExpiresAt, found.NextAttemptAt = now.Add(paymentLease), now.Add(attemptDelay(found.Attempts))
		found.Attempts++
		payment = *found
		return tx.SavePayment(ctx, order.CustomerID, payment.beingAsked())
	})
	return order, payment, mine && err == nil, err
}

func attemptDelay(attempts int) time.Duration {
	delay := firstAttemptDelay
	for range attempts {
		if delay *= 2; delay >= longestDelay {
			return longestDelay
		}
	}
	return delay
}

// ask makes the one call that brings the payment on.
func (c *Checkout) ask(ctx context.Context, order Order, payment Payment) answer {
	ctx, cancel := context.WithTimeout(ctx, paymentLease)
	defer cancel()
	waits := order.mustWaitForPayment(c.clock.Now()) == nil
	var a answer
	switch {
	case payment.State == PaymentRefunding:
		a.refund, a.failure = c.askForRefund(ctx, payment)
	case payment.Unasked && !waits:
		a.intent.State = PaymentCancelled // nobody needs to be told of it
	case payment.ProviderRef == "" && !waits:
		a.intent, a.failure = c.payments.CallOffIntent(ctx, payment.request())
	case payment.ProviderRef == "":
		// The answer to the first call was lost. The same call again tells what became of it.
		a.intent, a.failure = c.createIntent(ctx, payment)
		a.unasked = payment.Unasked && errors.Is(a.failure, ErrNotAsked)
	case waits:
		a.intent, a.failure = c.payments.GetIntent(ctx, payment.ProviderRef)
	default:
		a.intent, a.failure = c.payments.CancelIntent(ctx, payment.ProviderRef)
	}
	return a
}

// askForRefund begins the refund, or asks what became of it.
func (c *Checkout) askForRefund(ctx context.Context, payment Payment) (Refund, error) {
	if payment.RefundRef != "" {
		return c.payments.GetRefund(ctx, payment.RefundRef)
	}
	refund, err := c.payments.Refund(ctx, payment.refundRequest())
	refund.Key = payment.refundKey()
	return refund, err
}

// eventRetention is how long the id of a provider's event is kept. Stripe delivers again for three days by itself, and on
// demand for thirty: https://docs.stripe.com/webhooks#retries.
const eventRetention = 31 * 24 * time.Hour

// Forget deletes what was kept to recognise repeated requests and events and has grown too old to be repeated. It returns
// how much that was.
func (c *Checkout) Forget(ctx context.Context) (int, error) {
	now := c.clock.Now()
	outcomes, err := c.store.ForgetOutcomes(ctx, now, forgetBatch)
	if err != nil {
		return 0, err
	}
	events, err := c.store.ForgetEvents(ctx, now.Add(-eventRetention), forgetBatch)
	return outcomes + events, err
}
