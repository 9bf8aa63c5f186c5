package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Error is what Stripe said, without what must not be logged: Stripe's own error prints the client secret of the intent.
type Error struct {
	Doing     string
	Status    int // of HTTP
	Type      stripe.ErrorType
	Code      stripe.ErrorCode
	Param     string
	Message   string
	RequestID string // by which Stripe finds the request
	Intent    string // that the request left behind; empty for none
	kind      error
}

func (e *Error) Error() string {
	details := []string{string(e.Type), string(e.Code), e.Param, e.Message, e.RequestID}
	details = slices.DeleteFunc(details, func(detail string) bool { return detail == "" })
	text := fmt.Sprintf("%s: Stripe answers %d: %s", e.Doing, e.Status, strings.Join(details, ", "))
	if e.kind != nil {
		text += ": " + e.kind.Error()
	}
	return text
}

// Unwrap returns the kind of failure as the port names it.
func (e *Error) Unwrap() error { return e.kind }

// translate turns an error of stripe-go into one of the port. https://docs.stripe.com/api/errors lists what there is.
func translate(doing string, err error) error {
	var said *stripe.Error
	if !errors.As(err, &said) {
		// The connection failed, or what came back is not Stripe's: whether it acted is unknown.
		return fmt.Errorf("%s: %w: %w", doing, market.ErrProviderUnavailable, err)
	}
	e := &Error{
		Doing: doing, Status: said.HTTPStatusCode, Type: said.Type, Code: said.Code, Param: said.Param, Message: said.Msg,
		RequestID: said.RequestID,
	}
	if said.PaymentIntent != nil {
		e.Intent = said.PaymentIntent.ID
	}
	e.kind = kindOf(e)
	return e
}

func kindOf(e *Error) error {
	switch {
	case e.Type == stripe.ErrorTypeCard:
		return &market.DeclinedError{Reason: e.Message}
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		e.Message = "check STRIPE_SECRET_KEY" // Stripe's message shows a part of the key
		return errors.Join(market.ErrProviderUnavailable, payments.ErrCredentials)
	case e.Status == http.StatusTooManyRequests, e.Status >= http.StatusInternalServerError,
		e.Status == http.StatusConflict: // the first request with this key is still under way
		return market.ErrProviderUnavailable
	case e.Type == stripe.ErrorTypeIdempotency:
		return nil // a fault of ours: the same key with another request
	case isCustomersFault(e):
		return &market.DeclinedError{Reason: e.Message}
	}
	return nil
}

// isCustomersFault reports whether another payment method, or a larger order, would be accepted.
func isCustomersFault(e *Error) bool {
	return strings.HasPrefix(e.Param, "payment_method") ||
		e.Code == stripe.ErrorCodeAmountTooSmall || e.Code == stripe.ErrorCodeAmountTooLarge
}

// leftBehind is the intent that a declined request has made; empty for none.
func leftBehind(err error) string {
	var e *Error
	if errors.As(err, &e) && errors.Is(err, market.ErrPaymentDeclined) {
		return e.Intent
	}
	return ""
}

// isOtherRequest reports whether Stripe knows the idempotency key for a request with other parameters.
func isOtherRequest(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Type == stripe.ErrorTypeIdempotency && e.Status == http.StatusBadRequest
}

func codeOf(err error) stripe.ErrorCode {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// missing makes an error that says there is no such thing a market.ErrNotFound.
func missing(kind, ref string, err error) error {
	if codeOf(err) == stripe.ErrorCodeResourceMissing {
		return errors.Join(&market.NotFoundError{Kind: kind, ID: ref}, err)
	}
	return err
}
