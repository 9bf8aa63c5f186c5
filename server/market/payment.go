package market

import (
	"context"
	"slices"
	"time"
)

// PaymentProvider takes money. It is called with the payment stored already and outside of any transaction, so that
// whatever becomes of the call, the market knows that there may have been one.
//
// Every method can fail with ErrProviderUnavailable: the provider did not answer in time, and whether it acted is unknown,
// unless the error is an ErrNotAsked, too. A call with an idempotency key may be made again with that key and the same arguments; it then
// acts once and answers as it did the first time.
type PaymentProvider interface {
	// CreateIntent asks the provider to take an amount. It fails with ErrPaymentDeclined, in a *DeclinedError, when the
	// provider says no at once; there is then nothing to capture later.
	CreateIntent(ctx context.Context, request PaymentRequest) (PaymentIntent, error)
	// GetIntent returns the intent as it is now. It fails with ErrNotFound.
	GetIntent(ctx context.Context, ref string) (PaymentIntent, error)
	// CancelIntent makes a capture impossible and returns the intent as it is then: succeeded when the capture came first,
	// which is no error. It fails with ErrNotFound.
	CancelIntent(ctx context.Context, ref string) (PaymentIntent, error)
	// CallOffIntent makes sure that the request for a payment, which may or may not have arrived, captures nothing from now
	// on, not even when it arrives later. It returns the intent as it is then: succeeded when the capture came first. It never
	// begins a capture itself. It fails with ErrPaymentDeclined when the provider had said no.
	CallOffIntent(ctx context.Context, request PaymentRequest) (PaymentIntent, error)
	// Refund gives the amount of a succeeded intent back. The refund it answers with may be pending: it fails or succeeds
	// later. When the amount was given back before, whatever the key, it answers with the refund that did so.
	Refund(ctx context.Context, request RefundRequest) (Refund, error)
	// GetRefund returns the refund as it is now. It fails with ErrNotFound.
	GetRefund(ctx context.Context, ref string) (Refund, error)
}

// PaymentRequest says what is to be paid.
type PaymentRequest struct {
	OrderID        string
	PaymentID      string
	Amount         Money
	IdempotencyKey string // 1 to 255 visible ASCII characters; one for each payment
	Method         string // how the customer pays, in the provider's words; empty leaves it to the provider
}

// PaymentIntent is a payment as the provider knows it.
type PaymentIntent struct {
	ProviderRef  string // the provider's id; never empty
	State        PaymentState
	ClientSecret string // lets the customer's browser confirm the payment; empty when there is nothing to confirm
}

// PaymentEvent is what a provider reports about an intent, or a refund of it, after the call. Events may come late, twice,
// and in any order.
type PaymentEvent struct {
	Provider    string // whose event it is
	EventID     string // the provider's; the same when the event is delivered again
	ProviderRef string // of the intent
	PaymentID   string // as in the PaymentRequest; empty when the provider does not return it
	State       PaymentState
	Refund      Refund    // zero when it is about the intent
	At          time.Time // when it happened at the provider
}

// PaymentState is how far a payment has come. An intent has one of the first five, a refund one of the last three.
type PaymentState string

// The states of a payment.
const (
	PaymentRequiresAction PaymentState = "requires_action" // the customer must confirm
	PaymentProcessing     PaymentState = "processing"
	PaymentSucceeded      PaymentState = "succeeded" // captured: the money is ours
	PaymentFailed         PaymentState = "failed"
	PaymentCancelled      PaymentState = "cancelled"

	PaymentCreated      PaymentState = "created"       // stored; what the provider makes of it is not known yet
	PaymentRefunding    PaymentState = "refunding"     // captured, and being given back: the refund is pending
	PaymentRefunded     PaymentState = "refunded"      // given back: the refund has succeeded
	PaymentRefundFailed PaymentState = "refund_failed" // captured, and could not be given back: the money is with the provider
)

// paymentTransitions says which state may follow which. A provider's reports come in any order, so one that is not
// listed is not an error: it is old news. A capture is never old news until it is given back: the money is there,
// whatever was reported before. A refund can still fail after it has succeeded, when the customer's bank sends it back.
var paymentTransitions = map[PaymentState][]PaymentState{
	PaymentCreated:        {PaymentRequiresAction, PaymentProcessing, PaymentSucceeded, PaymentFailed, PaymentCancelled, PaymentRefunding},
	PaymentRequiresAction: {PaymentProcessing, PaymentSucceeded, PaymentFailed, PaymentCancelled, PaymentRefunding},
	PaymentProcessing:     {PaymentRequiresAction, PaymentSucceeded, PaymentFailed, PaymentCancelled, PaymentRefunding},
	PaymentFailed:         {PaymentSucceeded, PaymentRefunding},
	PaymentCancelled:      {PaymentSucceeded, PaymentRefunding},
	PaymentSucceeded:      {PaymentRefunding},
	PaymentRefunding:      {PaymentRefunded, PaymentRefundFailed},
	PaymentRefunded:       {PaymentRefundFailed},
	PaymentRefundFailed:   {PaymentRefunding},
}

// PaymentStates returns every state.
func PaymentStates() []PaymentState {
	return []PaymentState{
		PaymentCreated, PaymentRequiresAction, PaymentProcessing, PaymentSucceeded, PaymentFailed, PaymentCancelled,
		PaymentRefunding, PaymentRefunded, PaymentRefundFailed,
	}
}

// Valid reports whether there is such a state.
func (s PaymentState) Valid() bool { return slices.Contains(PaymentStates(), s) }

// CanBecome reports whether the other state may follow.
func (s PaymentState) CanBecome(next PaymentState) bool {
	return slices.Contains(paymentTransitions[s], next)
}

// Open reports whether the provider may still capture the payment as things go, so that a second one would charge twice.
func (s PaymentState) Open() bool {
	return s == PaymentCreated || s == PaymentRequiresAction || s == PaymentProcessing
}
