// Package markettest helps tests of the market: a payment provider in memory, and a clock that is set by hand.
package markettest

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
)

// Provider is a payment provider in memory that keeps its promises: one intent for each idempotency key, one refund for
// each. It is safe for concurrent use.
type Provider struct {
	mu       sync.Mutex
	next     market.PaymentState
	fails    error
	declines string
	lost     bool
	byKey    map[string]string
	intents  map[string]*Intent
	order    []string // the intents, oldest first
	refunds  refunds
}

// Intent is what the provider knows about one payment.
type Intent struct {
	market.PaymentIntent

	Request  market.PaymentRequest
	Captured bool
	Refunds  int // that have not failed
}

// NewProvider returns a provider that captures every payment at once.
func NewProvider() *Provider {
	return &Provider{
		next: market.PaymentSucceeded, byKey: map[string]string{}, intents: map[string]*Intent{},
		refunds: refunds{next: market.PaymentRefunded},
	}
}

// Answer sets the state that new intents get.
func (p *Provider) Answer(state market.PaymentState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = state
}

// Fail makes every call fail with the error, until it is nil. With lost, calls do what they are asked and then fail, as
// when the answer gets lost on the way.
func (p *Provider) Fail(err error, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails, p.lost = err, lost
}

// Decline makes the provider refuse new payments for the reason, until it is empty.
func (p *Provider) Decline(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declines = reason
}

// Report moves an intent on and returns the event that tells of it. A capture stays captured.
func (p *Provider) Report(ref string, state market.PaymentState) market.PaymentEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	intent := p.intents[ref]
	intent.become(state)
	return market.PaymentEvent{
		Provider: "sandbox", EventID: "evt_" + uuid.NewString(), ProviderRef: ref, PaymentID: intent.Request.PaymentID, State: state,
	}
}

// Intents returns what the provider knows, oldest first.
func (p *Provider) Intents() []Intent {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Intent, 0, len(p.intents))
	for _, ref := range p.order {
		intent := *p.intents[ref]
		intent.Refunds = p.refunds.kept(ref)
		all = append(all, intent)
	}
	return all
}

func (i *Intent) become(state market.PaymentState) {
	if i.Captured {
		return
	}
	i.State = state
	i.Captured = state == market.PaymentSucceeded
}

// failing is the error that a call ends with before it has done anything.
func (p *Provider) failing() error {
	if p.lost {
		return nil
	}
	return p.fails
}

// CreateIntent implements market.PaymentProvider.
func (p *Provider) CreateIntent(_ context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failing(); err != nil {
		return market.PaymentIntent{}, err
	}
	if _, known := p.byKey[request.IdempotencyKey]; !known && p.declines != "" {
		return market.PaymentIntent{}, &market.DeclinedError{Reason: p.declines}
	}
	return p.made(request, p.next).PaymentIntent, p.fails
}

// GetIntent implements market.PaymentProvider.
func (p *Provider) GetIntent(_ context.Context, ref string) (market.PaymentIntent, error) {
	return p.intent(ref, func(*Intent) {})
}

// CancelIntent implements market.PaymentProvider.
func (p *Provider) CancelIntent(_ context.Context, ref string) (market.PaymentIntent, error) {
	return p.intent(ref, func(intent *Intent) { intent.become(market.PaymentCancelled) })
}

// CallOffIntent implements market.PaymentProvider.
func (p *Provider) CallOffIntent(_ context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failing(); err != nil {
		return market.PaymentIntent{}, err
	}
	intent := p.made(request, market.PaymentCancelled)
	intent.become(market.PaymentCancelled)
	return intent.PaymentIntent, p.fails
}

// made returns the intent of the request, which is made in the state when there is none.
func (p *Provider) made(request market.PaymentRequest, state market.PaymentState) *Intent {
	ref, known := p.byKey[request.IdempotencyKey]
	if !known {
		ref = "pi_" + uuid.NewString()
		p.order = append(p.order, ref)
		p.byKey[request.IdempotencyKey] = ref
		intent := &Intent{PaymentIntent: market.PaymentIntent{ProviderRef: ref}, Request: request}
		intent.become(state)
		p.intents[ref] = intent
	}
	return p.intents[ref]
}

func (p *Provider) intent(ref string, do func(*Intent)) (market.PaymentIntent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failing(); err != nil {
		return market.PaymentIntent{}, err
	}
	intent, known := p.intents[ref]
	if !known {
		return market.PaymentIntent{}, &market.NotFoundError{Kind: "payment intent", ID: ref}
	}
	do(intent)
	return intent.PaymentIntent, p.fails
}
