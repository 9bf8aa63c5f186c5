package market

import (
	"context"
	"errors"
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

func (r PayRequest) validate() error { return validateText("method", r.Method, 0, MaxName) }

// Pay asks the provider for the order's total. Repeated with the same key it has the outcome that it had at first, the
// order as it was then or the same refusal, and replayed is true; it waits a little while the first call is under way, and
// then fails with ErrInProgress. It fails with ErrNotFound, ErrInvalid and ErrKeyReused; with ErrConflict when the order is
// not waiting to be paid, or another payment is under way; with ErrPaymentDeclined; and with ErrProviderUnavailable, after
// which it should be repeated with the same key.
func (c *Checkout) Pay(ctx context.Context, actor Actor, request PayRequest) (order Order, payment Payment, replayed bool, err error) {
	request.OrderID = strings.ToLower(request.OrderID)
	key, err := newRequestKey(actor, payOperation, request.IdempotencyKey, request.OrderID, request.Method)
	if err != nil {
		return Order{}, Payment{}, false, err
	}
	result, err := c.payOnce(ctx, request, key)
	if err != nil {
		return Order{}, Payment{}, false, err
	}
	order, err = result.result()
	if made := order.byKey(request.IdempotencyKey); made != nil {
		payment = *made
	}
	return order, payment, result.replayed, err
}

// payOnce finds out whose turn it is to ask the provider, until it is nobody's any more.
func (c *Checkout) payOnce(ctx context.Context, request PayRequest, key RequestKey) (outcome, error) {
	deadline := time.Now().Add(repeatPatience)
	for {
		start, err := c.startPayment(ctx, request, key)
		switch {
		case err != nil || start.turn == done:
			return start.outcome, err
		case start.turn == myTurn:
			return c.askForPayment(ctx, start.payment, key)
		case time.Now().After(deadline):
			return outcome{}, &InProgressError{Key: key.Key}
		}
		select {
		case <-ctx.Done():
			return outcome{}, stillWaiting(ctx, key)
		case <-time.After(repeatInterval):
		}
	}
}

// paymentTurn says who is to ask the provider about a payment.
type paymentTurn int

const (
	done      paymentTurn = iota // nobody: there is an outcome
	myTurn                       // who asked whose turn it is
	notMyTurn                    // somebody else, now
)

// paymentStart is how far a call to pay has come.
type paymentStart struct {
	turn    paymentTurn
	payment Payment // unless it is done
	outcome outcome // when it is done
}

// outcomeOf is the outcome of a payment about which the provider has answered.
func outcomeOf(order Order, payment Payment) outcome {
	if payment.State == PaymentFailed {
		return outcome{Refusal: &refusal{Declined: &DeclinedError{Reason: payment.Failure}}}
	}
	return outcome{Order: &order}
}

// startPayment stores the payment before anybody asks the provider for it, or finds what came of the one that was made
// with the key. A refusal is kept in the transaction that found it out. The order is locked before the key is looked up,
// so that requests with one key come one after the other.
func (c *Checkout) startPayment(ctx context.Context, request PayRequest, key RequestKey) (start paymentStart, err error) {
	err = c.atomically(ctx, "start a payment", func(ctx context.Context, tx CheckoutTx) error {
		start = paymentStart{}
		order, orderErr := tx.LockOrder(ctx, request.OrderID)
		if orderErr == nil && order.CustomerID != key.AccountID {
			orderErr = &NotFoundError{Kind: "order", ID: request.OrderID}
		}
		if orderErr != nil && refusalOf(orderErr) == nil {
			return orderErr
		}
		start.outcome, err = earlier(ctx, tx, key)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		if orderErr == nil {
			start, orderErr = order.startPayment(request, key, c.clock.Now())
		}
		if refused := refusalOf(orderErr); refused != nil {
			start.outcome = outcome{Refusal: refused}
		} else if orderErr != nil {
			return orderErr
		}
		switch start.turn {
		case done:
			replayed := start.outcome.replayed
			start.outcome, err = c.keep(ctx, tx, key, start.outcome)
			start.outcome.replayed = start.outcome.replayed || replayed
			return err
		case myTurn:
			return tx.SavePayment(ctx, order.CustomerID, start.payment.beingAsked())
		}
		return nil
	})
	if errors.Is(err, ErrDuplicate) {
		err = &KeyReusedError{Key: request.IdempotencyKey} // for another order
	}
	return start, err
}

// beingAsked is the payment as it is kept while a call is under way, which may go out.
func (p Payment) beingAsked() Payment {
	p.Unasked = false
	return p
}

// startPayment makes the payment, or finds out what is to become of the one that was made with the key.
func (o *Order) startPayment(request PayRequest, key RequestKey, now time.Time) (paymentStart, error) {
	if err := request.validate(); err != nil {
		return paymentStart{}, err
	}
	known := o.byKey(key.Key)
	if known != nil {
		return o.repeatPayment(*known, key, now)
	}
	payment, err := o.newPayment(request, key.Hash, now)
	if err != nil {
		return paymentStart{}, err
	}
	return paymentStart{turn: myTurn, payment: payment}, nil
}

func (o *Order) newPayment(request PayRequest, requestHash string, now time.Time) (Payment, error) {
	if err := o.mustWaitForPayment(now); err != nil {
		return Payment{}, err
	}
	if open := o.openPayment(); open != nil {
		return Payment{}, &ConflictError{
			Kind: "order", ID: o.ID, Reason: "has the payment " + open.ID + ", which is " + string(open.State) + ": finish that one",
		}
	}
	id, err := newID()
	return Payment{
		ID: id, OrderID: o.ID, Amount: o.Total, Method: request.Method, State: PaymentCreated, Unasked: true,
		IdempotencyKey: request.IdempotencyKey, RequestHash: requestHash,
		LeaseExpiresAt: now.Add(paymentLease), NextAttemptAt: now.Add(paymentLease), CreatedAt: now, UpdatedAt: now,
	}, err
}

// repeatPayment finds out whose turn it is with a payment whose outcome is not kept. One that nobody asks about, because
// the call failed or its process died, is taken over: the provider acts once on the payment's id, however often it is
// asked. One that has come further has its outcome now. Once the order has ended nobody asks for money any more: AttendPayments
// calls the payment off.
func (o *Order) repeatPayment(payment Payment, key RequestKey, now time.Time) (paymentStart, error) {
	if err := key.mustMatch(payment.RequestHash); err != nil {
		return paymentStart{}, err
	}
	switch {
	case payment.State != PaymentCreated:
		result := outcomeOf(*o, payment)
		result.replayed = true
		return paymentStart{outcome: result}, nil
	case now.Before(payment.LeaseExpiresAt):
		return paymentStart{turn: notMyTurn}, nil
	}
	if err := o.mustWaitForPayment(now); err != nil {
		return paymentStart{}, err
	}
	payment.LeaseExpiresAt = now.Add(paymentLease)
	payment.NextAttemptAt = payment.LeaseExpiresAt
	return paymentStart{turn: myTurn, payment: payment}, nil
}

// askForPayment makes the call that the payment was stored for, and stores the answer together with the outcome, even if
// the caller has gone. A provider that did not answer makes no outcome.
func (c *Checkout) askForPayment(ctx context.Context, payment Payment, key RequestKey) (result outcome, err error) {
	intent, failure := c.createIntent(ctx, payment)
	unanswered := failure != nil && !errors.Is(failure, ErrPaymentDeclined)
	err = c.settle(context.WithoutCancel(ctx), PaymentPlace{OrderID: payment.OrderID, PaymentID: payment.ID},
		answer{intent: intent, failure: failure, unasked: payment.Unasked && errors.Is(failure, ErrNotAsked)},
		func(ctx context.Context, tx CheckoutTx, order Order, payment Payment) error {
			if unanswered {
				return nil
			}
			result, err = c.keep(ctx, tx, key, outcomeOf(order, payment))
			return err
		})
	if err == nil && unanswered {
		err = failure
	}
	return result, err
}

func (c *Checkout) createIntent(ctx context.Context, payment Payment) (PaymentIntent, error) {
	ctx, cancel := context.WithTimeout(ctx, paymentLease)
	defer cancel()
	return c.payments.CreateIntent(ctx, payment.request())
}

// request is what the provider is asked for, each time the same.
func (p *Payment) request() PaymentRequest {
	return PaymentRequest{OrderID: p.OrderID, PaymentID: p.ID, Amount: p.Amount, IdempotencyKey: p.ID, Method: p.Method}
}

// answer is what came of asking the provider.
type answer struct {
	intent  PaymentIntent
	refund  Refund // zero unless the answer is about one
	failure error
	unasked bool // the provider has still not been asked, nor was it before
}

// settle stores what the provider answered; also, which may be nil, adds to the transaction. What comes when the order's hold
// has expired ends the order first, if no job has yet: so the clock decides whether a capture pays, and not who comes first.
func (c *Checkout) settle(ctx context.Context, place PaymentPlace, a answer,
	also func(ctx context.Context, tx CheckoutTx, order Order, payment Payment) error,
) error {
	var order Order
	var before OrderState
	err := c.atomically(ctx, "store what the payment provider says", func(ctx context.Context, tx CheckoutTx) (err error) {
		order, err = tx.LockOrder(ctx, place.OrderID)
		if err != nil {
			return err
		}
		now := c.clock.Now()
		before = order.State
		if order.overdue(now) {
			if err := c.end(ctx, tx, &order, OrderExpired, now); err != nil {
				return err
			}
		}
		saved := order.State
		payment := order.payment(place.PaymentID)
		if payment == nil {
			return &NotFoundError{Kind: "payment", ID: place.PaymentID}
		}
		order.take(payment, a, now)
		if also != nil {
			if err := also(ctx, tx, order, *payment); err != nil {
				return err
			}
		}
		if err := tx.SavePayment(ctx, order.CustomerID, *payment); err != nil {
			return err
		}
		if order.State == saved {
			return nil
		}
		return tx.SaveOrderState(ctx, order)
	})
	if err == nil && order.State != before {
		c.observer.OrderBecame(order)
	}
	return err
}

// take changes the order and the payment as the answer says.
func (o *Order) take(payment *Payment, a answer, now time.Time) {
	payment.LeaseExpiresAt, payment.Unasked = now, a.unasked
	if a.intent.ProviderRef != "" {
		payment.ProviderRef = a.intent.ProviderRef
	}
	if a.intent.ClientSecret != "" {
		payment.ClientSecret = a.intent.ClientSecret
	}
	var declined *DeclinedError
	switch {
	case a.failure == nil && a.refund.ProviderRef != "":
		payment.reportRefund(a.refund, now)
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
// with ErrNotFound when the payment is not one of ours, and with ErrEventSeen when the event was taken in before; then
// nothing has changed.
func (c *Checkout) HandlePaymentEvent(ctx context.Context, event PaymentEvent) error {
	if !event.State.Valid() {
		return &InvalidError{Field: "state", Rule: "be one of " + list(PaymentStates()), Value: event.State}
	}
	place, err := c.store.FindPayment(ctx, strings.ToLower(event.PaymentID), event.ProviderRef)
	if err != nil {
		return err
	}
	reported := answer{intent: PaymentIntent{ProviderRef: event.ProviderRef, State: event.State}, refund: event.Refund}
	return c.settle(ctx, place, reported, func(ctx context.Context, tx CheckoutTx, _ Order, _ Payment) error {
		return tx.AddEvent(ctx, event, c.clock.Now())
	})
}
