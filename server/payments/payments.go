// Package payments takes in what payment providers report. Beside it stand the adapters, stripe and sandbox, and guard,
// which makes calling any of them safe. All implement market.PaymentProvider.
package payments

import (
	"errors"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
)

// ErrCredentials says that the provider does not take our credentials. The call is also market.ErrProviderUnavailable,
// but repeating it cannot help until somebody changes the configuration.
var ErrCredentials = errors.New("the provider refuses our credentials")

// Keys of the metadata that an intent and a refund carry, so that their events lead back to the payment.
const (
	MetadataOrder   = "order_id"
	MetadataPayment = "payment_id"
	MetadataRefund  = "refund_key" // the idempotency key that the refund was made with
)

// RefundStateOf translates the status of a Refund. known is false for a status that Stripe has added since.
func RefundStateOf(status stripe.RefundStatus) (state market.PaymentState, known bool) {
	switch status {
	case stripe.RefundStatusPending, stripe.RefundStatusRequiresAction:
		return market.PaymentRefunding, true
	case stripe.RefundStatusSucceeded:
		return market.PaymentRefunded, true
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		return market.PaymentRefundFailed, true
	}
	return "", false
}

// StateOf translates the status of a PaymentIntent. known is false for a status that Stripe has added since.
//
// A card that is declined leaves an intent in requires_payment_method, with which the customer may try another card: that
// is an action which is required, not a failure.
func StateOf(status stripe.PaymentIntentStatus) (state market.PaymentState, known bool) {
	switch status {
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresConfirmation,
		stripe.PaymentIntentStatusRequiresAction:
		return market.PaymentRequiresAction, true
	case stripe.PaymentIntentStatusProcessing, stripe.PaymentIntentStatusRequiresCapture:
		return market.PaymentProcessing, true
	case stripe.PaymentIntentStatusSucceeded:
		return market.PaymentSucceeded, true
	case stripe.PaymentIntentStatusCanceled:
		return market.PaymentCancelled, true
	}
	return "", false
}
