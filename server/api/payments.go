package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// maxEvent bounds a delivery, in bytes. It is what Stripe's own example allows: https://docs.stripe.com/webhooks/quickstart.
const maxEvent = 64 << 10

type paymentEventParams struct {
	Provider  string `path:"provider" maxLength:"40" example:"stripe" doc:"The payment provider that delivers."`
	Signature string `header:"Stripe-Signature" maxLength:"2000" example:"t=1700000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd" doc:"When the delivery was signed, and the HMAC-SHA256 of that time, a full stop and the body. It is the authentication."`
	RawBody   []byte `contentType:"application/json" doc:"The event, byte for byte as it was signed."`
}

type paymentEventReceipt struct {
	Handled bool `json:"handled" example:"true" doc:"Whether the event was about a payment of this market. Others need no repetition either."`
}

const paymentEventsPath = "/api/v1/payments/webhook/{provider}"

// RegisterPayments adds the endpoint that payment providers deliver their events to.
func RegisterPayments(api huma.API, inbox *payments.Inbox) {
	// Anybody may deliver: the signature tells whether to believe it.
	huma.Register(api, protect(public(), huma.Operation{
		OperationID: "take-payment-event", Method: http.MethodPost, Path: paymentEventsPath,
		Summary: "Take an event of a payment provider", Tags: []string{"Payments"}, MaxBodyBytes: maxEvent,
		SkipValidateBody: true, // nothing is made of the body before its signature is verified
		Description: "Events may be delivered late, twice and in any order. An answer of 200 says that the event is stored; " +
			"after any other it is to be delivered again.",
		Errors: []int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		},
	}), func(ctx context.Context, params *paymentEventParams) (*itemAnswer[paymentEventReceipt], error) {
		handled, err := inbox.Take(ctx, params.Provider, params.RawBody, params.Signature)
		switch {
		case errors.Is(err, payments.ErrSignature):
			telemetry.Fail(ctx, catalogue.ErrorAuth, err)
			return nil, newProblem(http.StatusBadRequest, "the Stripe-Signature header is not a valid, recent signature of this body")
		case errors.Is(err, payments.ErrMalformed):
			return nil, newProblem(http.StatusUnprocessableEntity, "the signature is valid, but the body is not an event that can be read")
		case err != nil:
			return nil, problemOf(ctx, err)
		}
		return answerItem(paymentEventReceipt{Handled: handled}), nil
	})
	// Huma takes raw bytes for a string; what is signed is a JSON object.
	api.OpenAPI().Paths[paymentEventsPath].Post.RequestBody.Content["application/json"].Schema = &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Description: "An event as Stripe describes it: https://docs.stripe.com/api/events/object.",
	}
}
