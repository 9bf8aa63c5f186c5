package stripe

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Refund implements market.PaymentProvider. Stripe never gives back more than was captured, whatever the key.
func (p *Provider) Refund(ctx context.Context, request market.RefundRequest) (market.Refund, error) {
	doing := fmt.Sprintf("refund %s of PaymentIntent %s", request.Amount, request.ProviderRef)
	minor, err := amountOf(request.Amount)
	if err != nil {
		return market.Refund{}, fmt.Errorf("%s: %w", doing, err)
	}
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(request.ProviderRef), Amount: stripe.Int64(minor),
		Metadata: map[string]string{payments.MetadataPayment: request.PaymentID, payments.MetadataRefund: request.IdempotencyKey},
	}
	params.SetIdempotencyKey(request.IdempotencyKey)
	refund, err := p.client.V1Refunds.Create(ctx, params)
	if err == nil {
		return refundOf(refund)
	}
	err = translate(doing, err)
	if codeOf(err) == stripe.ErrorCodeChargeAlreadyRefunded {
		return p.refundBefore(ctx, request.ProviderRef) // Stripe forgets keys after a day, but not refunds
	}
	return market.Refund{}, missing("payment intent", request.ProviderRef, err)
}

// refundBefore returns the refund that gave, or is giving, the amount of the intent back. It may have been made by hand.
func (p *Provider) refundBefore(ctx context.Context, ref string) (market.Refund, error) {
	doing := "list the refunds of PaymentIntent " + ref
	for refund, err := range p.client.V1Refunds.List(ctx, &stripe.RefundListParams{PaymentIntent: stripe.String(ref)}) {
		if err != nil {
			return market.Refund{}, translate(doing, err)
		}
		if found, err := refundOf(refund); err != nil || found.State != market.PaymentRefundFailed {
			return found, err
		}
	}
	return market.Refund{}, fmt.Errorf("%s: %w: there is none, and yet it is refunded", doing, market.ErrProviderUnavailable)
}

// GetRefund implements market.PaymentProvider.
func (p *Provider) GetRefund(ctx context.Context, ref string) (market.Refund, error) {
	refund, err := p.client.V1Refunds.Retrieve(ctx, ref, nil)
	if err != nil {
		return market.Refund{}, missing("refund", ref, translate("read Refund "+ref, err))
	}
	return refundOf(refund)
}

func refundOf(refund *stripe.Refund) (market.Refund, error) {
	state, known := payments.RefundStateOf(refund.Status)
	if !known || refund.ID == "" {
		return market.Refund{}, fmt.Errorf("%w: Stripe answers with Refund %q in the status %q, which is none we know",
			market.ErrProviderUnavailable, refund.ID, refund.Status)
	}
	return market.Refund{
		ProviderRef: refund.ID, Key: refund.Metadata[payments.MetadataRefund], State: state, Failure: string(refund.FailureReason),
	}, nil
}
