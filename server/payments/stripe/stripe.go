// Package stripe takes payments with Stripe's PaymentIntents.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
)

// Name is what telemetry and the webhook's path call this provider.
const Name = "stripe"

// longest is the bound of a call whose caller has none, which is a mistake.
const longest = time.Minute

// Config says which account is used.
type Config struct {
	SecretKey string
	BaseURL   string            // https://api.stripe.com but in tests
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// Provider is Stripe as a market.PaymentProvider. It makes each call once; package guard repeats those it may.
type Provider struct {
	client *stripe.Client
}

// New returns the provider. It does not contact Stripe.
func New(config Config) (*Provider, error) {
	if config.SecretKey == "" || config.BaseURL == "" {
		return nil, errors.New("use Stripe: the secret key or the base URL is empty")
	}
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(config.BaseURL),
		HTTPClient: &http.Client{
			Timeout:   longest,
			Transport: config.Transport,
			// A redirect would take the secret key somewhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // it would log answers with client secrets in them
	})
	return &Provider{client: stripe.NewClient(config.SecretKey, stripe.WithBackends(backends))}, nil
}

// CreateIntent implements market.PaymentProvider. With a method, which is the id of a PaymentMethod, the payment is
// confirmed at once; without one the customer's browser does so with the client secret.
func (p *Provider) CreateIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	intent, err := p.create(ctx, request)
	if left := leftBehind(err); left != "" {
		return p.abandon(ctx, left, err)
	}
	return intent, err
}

func (p *Provider) create(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	doing := "create a PaymentIntent for payment " + request.PaymentID
	amount, err := amountOf(request.Amount)
	if err != nil {
		return market.PaymentIntent{}, fmt.Errorf("%s: %w", doing, err)
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount:   stripe.Int64(amount),
		Currency: stripe.String(currencyOf(request.Amount)),
		AutomaticPaymentMethods: &stripe.PaymentIntentCreateAutomaticPaymentMethodsParams{
			Enabled: stripe.Bool(true),
			// The API has no page of its own that a bank could send the customer back to.
			AllowRedirects: stripe.String(string(stripe.PaymentIntentAutomaticPaymentMethodsAllowRedirectsNever)),
		},
		Metadata: map[string]string{payments.MetadataOrder: request.OrderID, payments.MetadataPayment: request.PaymentID},
	}
	if request.Method != "" {
		params.PaymentMethod, params.Confirm = stripe.String(request.Method), stripe.Bool(true)
	}
	params.SetIdempotencyKey(request.IdempotencyKey)
	intent, err := p.client.V1PaymentIntents.Create(ctx, params)
	if err != nil {
		return market.PaymentIntent{}, translate(doing, err)
	}
	return intentOf(intent)
}

// CallOffIntent implements market.PaymentProvider. It asks for an intent that nobody confirms, with the key of the request.
// When Stripe makes it, the request has not arrived, and can do nothing any more: its key stands for this intent, and Stripe
// refuses one key with other parameters. When Stripe refuses ours, the request has arrived, and asking for the same again tells
// what came of it: https://docs.stripe.com/api/idempotent_requests.
func (p *Provider) CallOffIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	unconfirmed := request
	unconfirmed.Method = ""
	intent, err := p.create(ctx, unconfirmed)
	if isOtherRequest(err) {
		intent, err = p.CreateIntent(ctx, request)
	}
	if err != nil {
		return market.PaymentIntent{}, fmt.Errorf("call off payment %s: %w", request.PaymentID, err)
	}
	return p.CancelIntent(ctx, intent.ProviderRef)
}

// abandon cancels the intent that a decline leaves behind. Stripe would let the customer try another card on it, while
// the market, told that the payment has failed, lets them begin another payment: two captures for one order.
func (p *Provider) abandon(ctx context.Context, ref string, declined error) (market.PaymentIntent, error) {
	intent, err := p.CancelIntent(ctx, ref)
	switch {
	case err != nil:
		// The same call again gets the same decline, and cancels again.
		return market.PaymentIntent{}, fmt.Errorf("cancel PaymentIntent %s, which was declined: %w", ref, err)
	case intent.State != market.PaymentCancelled:
		return intent, nil // the customer was faster
	}
	return market.PaymentIntent{}, declined
}

// GetIntent implements market.PaymentProvider.
func (p *Provider) GetIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	intent, err := p.client.V1PaymentIntents.Retrieve(ctx, ref, nil)
	if err != nil {
		return market.PaymentIntent{}, missing("payment intent", ref, translate("read PaymentIntent "+ref, err))
	}
	return intentOf(intent)
}

// CancelIntent implements market.PaymentProvider. It sends no idempotency key: with one, Stripe would go on saying that
// the intent cannot be cancelled long after it can.
func (p *Provider) CancelIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	intent, err := p.client.V1PaymentIntents.Cancel(ctx, ref, nil)
	if err == nil {
		return intentOf(intent)
	}
	err = translate("cancel PaymentIntent "+ref, err)
	if codeOf(err) == stripe.ErrorCodePaymentIntentUnexpectedState {
		return p.GetIntent(ctx, ref) // it was captured or cancelled before, or is being captured
	}
	return market.PaymentIntent{}, missing("payment intent", ref, err)
}

func intentOf(intent *stripe.PaymentIntent) (market.PaymentIntent, error) {
	state, known := payments.StateOf(intent.Status)
	if !known || intent.ID == "" {
		return market.PaymentIntent{}, fmt.Errorf("%w: Stripe answers with PaymentIntent %q in the status %q, which is none we know",
			market.ErrProviderUnavailable, intent.ID, intent.Status)
	}
	answer := market.PaymentIntent{ProviderRef: intent.ID, State: state}
	if state == market.PaymentRequiresAction {
		answer.ClientSecret = intent.ClientSecret
	}
	return answer, nil
}
