package stripe_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments/guard"
	"github.com/farmersmarket/platform/server/payments/stripe"
	"github.com/farmersmarket/platform/telemetry"
)

// Whatever goes wrong between us and Stripe, and however often we ask: a payment is captured at most once, given back at
// most once, and one that we have told the customer is declined is never captured at all.
func TestNothingIsChargedTwiceWhateverGoesWrong(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(t)
		defer f.server.Close()
		f.disturb = func(string) disturbance {
			return disturbance(rapid.IntRange(int(undisturbed), int(garbled)).Draw(rt, "disturbance"))
		}
		g := guarded(t, f)
		method := rapid.SampledFrom([]string{"", methodVisa, methodDeclined, methodThreeDS, methodProcessing}).Draw(rt, "method")
		payments := rapid.IntRange(1, 3).Draw(rt, "payments")
		declined, ended := map[string]bool{}, map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			id := fmt.Sprintf("payment-%d", rapid.IntRange(1, payments).Draw(rt, "payment"))
			r := request(method)
			r.PaymentID, r.IdempotencyKey = id, id
			if rapid.IntRange(0, 3).Draw(rt, "calls off") == 0 {
				before := f.capturesOf(id)
				_, _ = g.CallOffIntent(t.Context(), r) // it may fail
				require.Equal(rt, before, f.capturesOf(id), "calling off charges nothing")
				ended[id] = true
				continue
			}
			if ended[id] {
				continue // nobody asks for money any more
			}
			intent, err := g.CreateIntent(t.Context(), r)
			var isDecline *market.DeclinedError
			switch {
			case errors.As(err, &isDecline):
				declined[id] = true
			case err != nil:
				require.ErrorIs(rt, err, market.ErrProviderUnavailable)
			case rapid.Bool().Draw(rt, "the customer confirms"):
				f.confirm(intent.ProviderRef)
			case rapid.Bool().Draw(rt, "a bank sends refunds back"):
				f.bounce()
			case intent.State == market.PaymentSucceeded:
				_, _ = g.Refund(t.Context(), refundOf(intent, id, rapid.StringMatching("[12]").Draw(rt, "try"))) // it may fail, but not give back twice
			default:
				_, _ = g.CancelIntent(t.Context(), intent.ProviderRef) // it may fail
			}
			f.check(rt, declined)
		}
	})
}

func refundOf(intent market.PaymentIntent, payment, try string) market.RefundRequest {
	return market.RefundRequest{
		ProviderRef: intent.ProviderRef, PaymentID: payment, Amount: request("").Amount, IdempotencyKey: "refund-" + payment + "-" + try,
	}
}

// bounce lets every refund fail that has been made so far.
func (f *fakeStripe) bounce() {
	f.mu.Lock()
	all := slices.Clone(f.refunds)
	f.mu.Unlock()
	for _, refund := range all {
		f.settle(refund.id, "failed", "lost_or_stolen_card")
	}
}

func (f *fakeStripe) capturesOf(paymentID string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.captures[paymentID]
}

func guarded(t *testing.T, f *fakeStripe) *guard.Guard {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	return guard.New(stripe.Name, connect(t, f), guard.Settings{Backoff: time.Microsecond, Failures: 1000}, tel)
}

func (f *fakeStripe) check(t require.TestingT, declined map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	intents := map[string]int{}
	for _, intent := range f.intents {
		intents[intent.paymentID]++
		if declined[intent.paymentID] {
			require.Equal(t, "canceled", intent.status, "%s was declined", intent.paymentID)
		}
	}
	for id, n := range intents {
		require.LessOrEqual(t, n, 1, "intents of %s", id)
		require.LessOrEqual(t, f.captures[id], 1, "captures of %s", id)
		require.LessOrEqual(t, f.refundsOf(id), 1, "refunds of %s", id)
	}
}
