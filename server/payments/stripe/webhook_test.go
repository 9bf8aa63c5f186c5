package stripe_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/payments/stripe"
	"github.com/farmersmarket/platform/telemetry"
)

// newInbox returns an inbox for Stripe's deliveries and what it has handed to the market.
func newInbox(t *testing.T) (*payments.Inbox, *[]market.PaymentEvent) {
	t.Helper()
	hook, err := payments.NewWebhook(webhookSecret)
	require.NoError(t, err)
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	var handled []market.PaymentEvent
	return payments.NewInbox(map[string]payments.Webhook{stripe.Name: hook}, func(_ context.Context, e market.PaymentEvent) error {
		handled = append(handled, e)
		return nil
	}, tel), &handled
}

func TestDeliveriesOfStripe(t *testing.T) {
	for name, c := range map[string]struct {
		deliver func(events []fakeEvent) []fakeEvent // which are sent
		at      time.Duration                        // when, from now
		secret  string
		states  []market.PaymentState
		want    error
	}{
		"in order": {
			deliver: func(e []fakeEvent) []fakeEvent { return e }, secret: webhookSecret,
			states: []market.PaymentState{market.PaymentRequiresAction, market.PaymentSucceeded},
		},
		"out of order": {
			deliver: func(e []fakeEvent) []fakeEvent { return []fakeEvent{e[1], e[0]} }, secret: webhookSecret,
			states: []market.PaymentState{market.PaymentSucceeded, market.PaymentRequiresAction},
		},
		"twice": {
			deliver: func(e []fakeEvent) []fakeEvent { return []fakeEvent{e[1], e[1]} }, secret: webhookSecret,
			states: []market.PaymentState{market.PaymentSucceeded, market.PaymentSucceeded},
		},
		"late, but signed when sent": {
			deliver: func(e []fakeEvent) []fakeEvent { e[1].created = e[1].created.Add(-72 * time.Hour); return e[1:] }, secret: webhookSecret,
			states: []market.PaymentState{market.PaymentSucceeded},
		},
		"recorded, and played back later": {
			deliver: func(e []fakeEvent) []fakeEvent { return e[:1] }, at: -payments.Tolerance - time.Minute, secret: webhookSecret,
			want: payments.ErrSignature,
		},
		"signed by somebody else": {
			deliver: func(e []fakeEvent) []fakeEvent { return e[:1] }, secret: "whsec_other", want: payments.ErrSignature,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			intent, err := connect(t, f).CreateIntent(t.Context(), request(methodThreeDS))
			require.NoError(t, err)
			require.True(t, f.confirm(intent.ProviderRef))
			inbox, handled := newInbox(t)
			for _, event := range c.deliver(f.events) {
				body, signature := event.delivery(time.Now().Add(c.at), c.secret)
				ours, err := inbox.Take(t.Context(), stripe.Name, body, signature)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.want == nil, ours)
			}
			require.Len(t, *handled, len(c.states))
			for i, state := range c.states {
				event := (*handled)[i]
				require.Equal(t, state, event.State)
				require.Equal(t, intent.ProviderRef, event.ProviderRef)
				require.Equal(t, "payment-1", event.PaymentID)
				require.NotEmpty(t, event.EventID)
				require.False(t, event.At.IsZero())
			}
		})
	}
}

func TestStripeTellsOfARefundBySeveralEvents(t *testing.T) {
	f := newFake(t)
	f.slow = true
	p := connect(t, f)
	intent, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.NoError(t, err)
	made, err := p.Refund(t.Context(), refund(intent.ProviderRef, "refund-1"))
	require.NoError(t, err)
	f.events = f.events[1:] // that of the capture
	f.settle(made.ProviderRef, "failed", "expired_or_canceled_card")
	inbox, handled := newInbox(t)
	for _, event := range f.events {
		body, signature := event.delivery(time.Now(), webhookSecret)
		ours, err := inbox.Take(t.Context(), stripe.Name, body, signature)
		require.NoError(t, err)
		require.True(t, ours)
	}
	failed := market.Refund{ProviderRef: "re_1", Key: "refund-1", State: market.PaymentRefundFailed, Failure: "expired_or_canceled_card"}
	want := []market.Refund{made, failed, failed, failed}
	require.Len(t, *handled, len(want))
	for i, event := range *handled {
		require.Equal(t, want[i], event.Refund)
		require.Equal(t, want[i].State, event.State)
		require.Equal(t, intent.ProviderRef, event.ProviderRef)
		require.Equal(t, "payment-1", event.PaymentID)
	}
}
