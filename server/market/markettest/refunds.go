package markettest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
)

// refunds is what a provider has given back, or tries to.
type refunds struct {
	next market.PaymentState // that new ones get
	made []refund            // oldest first
}

type refund struct {
	market.Refund

	intent string
}

// kept counts the refunds of the intent that have not failed.
func (r *refunds) kept(intent string) int {
	n := 0
	for _, made := range r.made {
		if made.intent == intent && made.State != market.PaymentRefundFailed {
			n++
		}
	}
	return n
}

// AnswerRefunds sets the state that new refunds get.
func (p *Provider) AnswerRefunds(state market.PaymentState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refunds.next = state
}

// Refunds returns what was given back, or tried, oldest first.
func (p *Provider) Refunds() []market.Refund {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]market.Refund, len(p.refunds.made))
	for i, made := range p.refunds.made {
		all[i] = made.Refund
	}
	return all
}

// ReportRefund moves a refund on, as far as one can move, and returns the event that tells of it. One that has failed
// stays so.
func (p *Provider) ReportRefund(ref string, state market.PaymentState) market.PaymentEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.refunds.made, func(r refund) bool { return r.ProviderRef == ref })
	made := &p.refunds.made[at]
	if made.State.CanBecome(state) && made.State != market.PaymentRefundFailed {
		made.State = state
	}
	if made.State == market.PaymentRefundFailed {
		made.Failure = "the account is closed"
	}
	return market.PaymentEvent{
		Provider: "sandbox", EventID: "evt_" + uuid.NewString(), ProviderRef: made.intent,
		PaymentID: p.intents[made.intent].Request.PaymentID, State: made.State, Refund: made.Refund,
	}
}

// Refund implements market.PaymentProvider.
func (p *Provider) Refund(_ context.Context, request market.RefundRequest) (market.Refund, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failing(); err != nil {
		return market.Refund{}, err
	}
	for _, made := range p.refunds.made {
		if made.Key == request.IdempotencyKey || made.intent == request.ProviderRef && made.State != market.PaymentRefundFailed {
			return made.Refund, p.fails
		}
	}
	intent := p.intents[request.ProviderRef]
	if intent == nil || !intent.Captured || request.Amount != intent.Request.Amount {
		return market.Refund{}, fmt.Errorf("refund %s of intent %q: it was not captured, or for another amount", request.Amount, request.ProviderRef)
	}
	made := refund{
		Refund: market.Refund{ProviderRef: "re_" + uuid.NewString(), Key: request.IdempotencyKey, State: p.refunds.next}, intent: request.ProviderRef,
	}
	p.refunds.made = append(p.refunds.made, made)
	return made.Refund, p.fails
}

// GetRefund implements market.PaymentProvider.
func (p *Provider) GetRefund(_ context.Context, ref string) (market.Refund, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failing(); err != nil {
		return market.Refund{}, err
	}
	at := slices.IndexFunc(p.refunds.made, func(r refund) bool { return r.ProviderRef == ref })
	if at < 0 {
		return market.Refund{}, &market.NotFoundError{Kind: "refund", ID: ref}
	}
	return p.refunds.made[at].Refund, p.fails
}
