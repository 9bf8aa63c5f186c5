package market

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// How long the market waits for others.
const (
	// paymentLease is how long one call of the provider may take, retries included. Then somebody else may ask.
	paymentLease = 30 * time.Second
	// reportPatience is how long an event of the provider is waited for before it is asked.
	reportPatience = time.Minute
	// repeatPatience bounds how long a repeated call waits for the first one, which asks the provider.
	repeatPatience = 4 * time.Second
	// repeatInterval is how often it looks.
	repeatInterval = 50 * time.Millisecond
)

// PayRequest is how a customer wants to pay an order.
type PayRequest struct {
	OrderID        string
	IdempotencyKey string // 1 to 255 visible ASCII characters
	Method         string // in the provider's words; empty leaves it to the provider
}

func (r PayRequest) validate() error {
	if err := validateKey(r.IdempotencyKey); err != nil {
		return err
	}
	return validateText("method", r.Method, 0, MaxName)
}

// Pay asks the provider for the order's total. Repeated with the same key it returns the order and the payment that was
// made with it, as they are now, and replayed is true; it waits a little while the first call is under way. It fails with
// ErrNotFound, ErrInvalid and ErrKeyReused; with ErrConflict when the order is not waiting to be paid, or another payment
// is under way; with ErrPaymentDeclined; and with ErrProviderUnavailable, after which it should be repeated with the same
// key.
func (c *Checkout) Pay(ctx context.Context, actor Actor, request PayRequest) (order Order, payment Payment, replayed bool, err error) {
	request.OrderID = strings.ToLower(request.OrderID)
	if err := request.validate(); err != nil {
		return Order{}, Payment{}, false, err
	}
	requestHash, err := hash("pay", request.OrderID, request.Method)
	if err != nil {
		return Order{}, Payment{}, false, err
	}
	deadline := time.Now().Add(repeatPatience)
	for {
		var turn paymentTurn
		order, payment, turn, err = c.startPayment(ctx, actor, request, requestHash)
		replayed = replayed || turn != myTurn
		switch {
		case err != nil:
			return Order{}, Payment{}, false, err
		case turn == done:
			err = payment.decline()
			return order, payment, replayed, err
		case turn == myTurn:
			order, payment, err = c.askForPayment(ctx, order, payment)
			return order, payment, replayed, err
		case time.Now().After(deadline):
			return Order{}, Payment{}, false, &ConflictError{
				Kind: "payment", ID: payment.ID, Reason: "is under way: ask again, with the same key, in a few seconds",
			}
		}
		select {
		case <-ctx.Done():
			return Order{}, Payment{}, false, ctx.Err()
		case <-time.After(repeatInterval):
		}
	}
}

// paymentTurn says who is to ask the provider about a payment.
type paymentTurn int

const (
	done      paymentTurn = iota // nobody: the provider has answered
	myTurn                       // who asked whose turn it is
	notMyTurn                    // somebody else, now
)

// decline is the error of a payment that the provider refused.
func (p *Payment) decline() error {
	if p.State == PaymentFailed {
		return &DeclinedError{Reason: p.Failure}
	}
	return nil
}

// startPayment stores the payment before anybody asks the provider for it, or finds the one that was made with the key.
func (c *Checkout) startPayment(ctx context.Context, actor Actor, request PayRequest, requestHash string,
) (order Order, payment Payment, turn paymentTurn, err error) {
	err = c.atomically(ctx, "start a payment", func(ctx context.Context, tx CheckoutTx) error {
		order, err = tx.LockOrder(ctx, request.OrderID)
		if err != nil {
			return err
		}
		if order.CustomerID != actor.ID {
			return &NotFoundError{Kind: "order", ID: request.OrderID}
		}
		now := c.clock.Now()
		known := slices.IndexFunc(order.Payments, func(p Payment) bool { return p.IdempotencyKey == request.IdempotencyKey })
		if known < 0 {
			payment, err = order.newPayment(request, requestHash, now)
			turn = myTurn
		} else {
			payment, turn, err = order.repeatPayment(known, requestHash, now)
		}
		if err != nil || turn != myTurn {
			return err
		}
		return tx.SavePayment(ctx, order.CustomerID, payment)
	})
	if errors.Is(err, ErrDuplicate) {
		err = &KeyReusedError{Key: request.IdempotencyKey} // for another order
	}
	return order, payment, turn, err
}

func (o *Order) newPayment(request PayRequest, requestHash string, now time.Time) (Payment, error) {
	if o.State != OrderPendingPayment {
		return Payment{}, &ConflictError{Kind: "order", ID: o.ID, Reason: "is " + string(o.State) + ": it cannot be paid"}
	}
	if !now.Before(o.HoldExpiresAt) {
		return Payment{}, &ConflictError{Kind: "order", ID: o.ID, Reason: "was to be paid by " + o.HoldExpiresAt.Format(time.RFC3339)}
	}
	if open := o.openPayment(); open != nil {
		return Payment{}, &ConflictError{
			Kind: "order", ID: o.ID, Reason: "has the payment " + open.ID + ", which is " + string(open.State) + ": finish that one",
		}
	}
	id, err := newID()
	return Payment{
		ID: id, OrderID: o.ID, Amount: o.Total, Method: request.Method, State: PaymentCreated,
		IdempotencyKey: request.IdempotencyKey, RequestHash: requestHash,
		LeaseExpiresAt: now.Add(paymentLease), NextAttemptAt: now.Add(paymentLease), CreatedAt: now, UpdatedAt: now,
	}, err
}

// repeatPayment finds out whose turn it is with the payment at the index. One that nobody asks about, because the call
// failed or its process died, is taken over: the provider acts once on the payment's id, however often it is asked.
func (o *Order) repeatPayment(index int, requestHash string, now time.Time) (Payment, paymentTurn, error) {
	payment := o.Payments[index]
	switch {
	case payment.RequestHash != requestHash:
		return Payment{}, done, &KeyReusedError{Key: payment.IdempotencyKey}
	case payment.State != PaymentCreated:
		return payment, done, nil
	case now.Before(payment.LeaseExpiresAt):
		return payment, notMyTurn, nil
	}
	payment.LeaseExpiresAt = now.Add(paymentLease)
	payment.NextAttemptAt = payment.LeaseExpiresAt
	return payment, myTurn, nil
}

// askForPayment makes the call that the payment was stored for, and stores the answer, even if the caller has gone.
func (c *Checkout) askForPayment(ctx context.Context, order Order, payment Payment) (Order, Payment, error) {
	intent, failure := c.createIntent(ctx, payment)
	order, payment, err := c.settle(context.WithoutCancel(ctx), order.ID, payment.ID, answer{intent: intent, failure: failure})
	if err != nil {
		return Order{}, Payment{}, err
	}
	if failure != nil && !errors.Is(failure, ErrPaymentDeclined) {
		return Order{}, Payment{}, failure
	}
	err = payment.decline()
	return order, payment, err
}

func (c *Checkout) createIntent(ctx context.Context, payment Payment) (PaymentIntent, error) {
	ctx, cancel := context.WithTimeout(ctx, paymentLease)
	defer cancel()
	return c.payments.CreateIntent(ctx, PaymentRequest{
		OrderID: payment.OrderID, PaymentID: payment.ID, Amount: payment.Amount, IdempotencyKey: payment.ID, Method: payment.Method,
	})
}

// answer is what came of asking the provider.
type answer struct {
	intent   PaymentIntent
	failure  error
	refunded bool
}

// settle stores what the provider answered.
func (c *Checkout) settle(ctx context.Context, orderID, paymentID string, a answer) (order Order, payment Payment, err error) {
	var before OrderState
	err = c.atomically(ctx, "store what the payment provider says", func(ctx context.Context, tx CheckoutTx) error {
		order, err = tx.LockOrder(ctx, orderID)
		if err != nil {
			return err
		}
		before = order.State
		found := order.payment(paymentID)
		if found == nil {
			return &NotFoundError{Kind: "payment", ID: paymentID}
		}
		order.take(found, a, c.clock.Now())
		payment = *found
		if err := tx.SavePayment(ctx, order.CustomerID, payment); err != nil {
			return err
		}
		if order.State == before {
			return nil
		}
		return tx.SaveOrderState(ctx, order)
	})
	if err == nil && order.State != before {
		c.observer.OrderBecame(order)
	}
	return order, payment, err
}

// take changes the order and the payment as the answer says.
func (o *Order) take(payment *Payment, a answer, now time.Time) {
	payment.LeaseExpiresAt = now
	if a.intent.ProviderRef != "" {
		payment.ProviderRef = a.intent.ProviderRef
	}
	if a.intent.ClientSecret != "" {
		payment.ClientSecret = a.intent.ClientSecret
	}
	var declined *DeclinedError
	switch {
	case a.refunded:
		payment.moveTo(PaymentRefunded, now)
	case errors.As(a.failure, &declined):
		if o.report(payment, PaymentFailed, now) {
			payment.Failure = declined.Reason
		}
	case errors.Is(a.failure, ErrNotFound):
		if o.report(payment, PaymentFailed, now) {
			payment.Failure = "the payment provider does not know of it"
		}
	case a.failure == nil:
		o.report(payment, a.intent.State, now)
	}
}

// HandlePaymentEvent takes in what the provider reports by itself. Events may come late, twice and in any order. It fails
// with ErrNotFound when the payment is not one of ours.
func (c *Checkout) HandlePaymentEvent(ctx context.Context, event PaymentEvent) error {
	if !event.State.Valid() {
		return &InvalidError{Field: "state", Rule: "be one of " + list(PaymentStates()), Value: event.State}
	}
	place, err := c.store.FindPayment(ctx, strings.ToLower(event.PaymentID), event.ProviderRef)
	if err != nil {
		return err
	}
	_, _, err = c.settle(ctx, place.OrderID, place.PaymentID, answer{
		intent: PaymentIntent{ProviderRef: event.ProviderRef, State: event.State},
	})
	return err
}
