package stripe_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/payments/stripe"
)

func connect(t *testing.T, f *fakeStripe) *stripe.Provider {
	t.Helper()
	p, err := stripe.New(stripe.Config{SecretKey: secretKey, BaseURL: f.server.URL})
	require.NoError(t, err)
	return p
}

func request(method string) market.PaymentRequest {
	return market.PaymentRequest{
		OrderID: "order-1", PaymentID: "payment-1", Amount: market.Money{Amount: 1250, Currency: market.EUR},
		IdempotencyKey: "payment-1", Method: method,
	}
}

func TestAnIntentIsInTheStateThatItsMethodLeadsTo(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		state  market.PaymentState
		secret bool
	}{
		"a good card is captured at once":          {methodVisa, market.PaymentSucceeded, false},
		"a card that needs its owner's approval":   {methodThreeDS, market.PaymentRequiresAction, true},
		"a bank that takes its time":               {methodProcessing, market.PaymentProcessing, false},
		"no method leaves it to the customer's UI": {"", market.PaymentRequiresAction, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, newFake(t))
			intent, err := p.CreateIntent(t.Context(), request(c.method))
			require.NoError(t, err)
			require.Equal(t, c.state, intent.State)
			require.Equal(t, c.secret, intent.ClientSecret != "")
			again, err := p.GetIntent(t.Context(), intent.ProviderRef)
			require.NoError(t, err)
			require.Equal(t, intent, again)
		})
	}
}

func TestTheSameCallAgainIsAnsweredAsTheFirstTimeAndChargesOnce(t *testing.T) {
	f := newFake(t)
	p := connect(t, f)
	first, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.NoError(t, err)
	second, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, 1, f.captures["payment-1"])

	other := request(methodVisa)
	other.Amount.Amount++
	_, err = p.CreateIntent(t.Context(), other)
	require.ErrorContains(t, err, "idempotency_error")
	require.NotErrorIs(t, err, market.ErrProviderUnavailable, "repeating it cannot help")
}

func TestACallWhileTheFirstIsUnderWayIsToBeRepeated(t *testing.T) {
	f := newFake(t)
	f.entered, f.release = make(chan struct{}), make(chan struct{})
	p := connect(t, f)
	first := make(chan error, 1)
	go func() {
		_, err := p.CreateIntent(context.WithoutCancel(t.Context()), request(methodVisa))
		first <- err
	}()
	<-f.entered
	_, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	require.ErrorContains(t, err, "idempotency_key_in_use")
	close(f.release)
	require.NoError(t, <-first)
	require.Equal(t, 1, f.captures["payment-1"])
}

func TestADeclineLeavesNothingToCapture(t *testing.T) {
	f := newFake(t)
	p := connect(t, f)
	var declined *market.DeclinedError
	_, err := p.CreateIntent(t.Context(), request(methodDeclined))
	require.ErrorAs(t, err, &declined)
	require.Equal(t, "Your card was declined.", declined.Reason)
	require.False(t, f.confirm("pi_1"), "the customer cannot try another card on it")
	_, err = p.CreateIntent(t.Context(), request(methodDeclined))
	require.ErrorAs(t, err, &declined, "a repeat is declined as well")
}

func TestADeclineWhoseIntentCannotBeCancelledIsNotYetADecline(t *testing.T) {
	f := newFake(t)
	f.disturb = func(operation string) disturbance {
		if operation == "POST /v1/payment_intents/pi_1/cancel" {
			return broken
		}
		return undisturbed
	}
	p := connect(t, f)
	_, err := p.CreateIntent(t.Context(), request(methodDeclined))
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	require.NotErrorIs(t, err, market.ErrPaymentDeclined)

	f.mu.Lock()
	f.disturb = nil
	f.mu.Unlock()
	_, err = p.CreateIntent(t.Context(), request(methodDeclined))
	require.ErrorIs(t, err, market.ErrPaymentDeclined)
	require.False(t, f.confirm("pi_1"))
}

func TestWhatACustomerCanChangeIsADecline(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*market.PaymentRequest)
		want   string
	}{
		"a method that there is not": {func(r *market.PaymentRequest) { r.Method = "pm_none" }, "No such PaymentMethod: 'pm_none'"},
		"too small an amount":        {func(r *market.PaymentRequest) { r.Amount.Amount = 7 }, "Amount must be at least €0.50"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(methodVisa)
			c.change(&r)
			_, err := connect(t, newFake(t)).CreateIntent(t.Context(), r)
			var declined *market.DeclinedError
			require.ErrorAs(t, err, &declined)
			require.Equal(t, c.want, declined.Reason)
		})
	}
}

func TestTroubleOfStripesIsUnavailability(t *testing.T) {
	for name, trouble := range map[string]disturbance{
		"the connection ends before the request": lostRequest,
		"the answer is lost":                     lostAnswer,
		"the rate limit":                         overloaded,
		"an error of the server":                 broken,
		"a proxy's error page":                   garbled,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := connect(t, f)
			_, err := p.CreateIntent(t.Context(), request(methodVisa))
			require.NoError(t, err)
			f.disturb = func(string) disturbance { return trouble }
			_, err = p.CreateIntent(t.Context(), request(methodVisa))
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			_, err = p.GetIntent(t.Context(), "pi_1")
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			_, err = p.CancelIntent(t.Context(), "pi_1")
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			_, err = p.Refund(t.Context(), refund("pi_1", "refund-1"))
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			_, err = p.GetRefund(t.Context(), "re_1")
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			require.NotErrorIs(t, err, payments.ErrCredentials)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		f := newFake(t)
		f.server.Close()
		_, err := connect(t, f).GetIntent(t.Context(), "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
	})
}

func TestAWrongKeyIsUnavailabilityThatNamesTheSettingAndNotTheKey(t *testing.T) {
	f := newFake(t)
	p, err := stripe.New(stripe.Config{SecretKey: "sk_test_wrong", BaseURL: f.server.URL})
	require.NoError(t, err)
	_, err = p.CreateIntent(t.Context(), request(methodVisa))
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	require.ErrorIs(t, err, payments.ErrCredentials)
	require.ErrorContains(t, err, "STRIPE_SECRET_KEY")
	require.NotContains(t, err.Error(), "sk_test")
}

func TestAnErrorDoesNotShowTheClientSecret(t *testing.T) {
	_, err := connect(t, newFake(t)).CreateIntent(t.Context(), request(methodDeclined))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "_secret_")
}

func TestAPaymentThatIsCalledOffIsNotCapturedByWhatArrivesLater(t *testing.T) {
	f := newFake(t)
	p := connect(t, f)
	for range 2 {
		after, err := p.CallOffIntent(t.Context(), request(methodVisa))
		require.NoError(t, err)
		require.Equal(t, market.PaymentCancelled, after.State)
	}
	_, err := p.CreateIntent(t.Context(), request(methodVisa)) // it was on its way all the time
	require.Error(t, err)
	require.Len(t, f.intents, 1)
	require.Zero(t, f.captures["payment-1"])
}

func TestCallingAPaymentOffThatHasArrivedChargesNothingMore(t *testing.T) {
	for name, c := range map[string]struct {
		method   string
		state    market.PaymentState
		captures int
		want     error
	}{
		"it was captured":           {methodVisa, market.PaymentSucceeded, 1, nil},
		"it waits for the customer": {methodThreeDS, market.PaymentCancelled, 0, nil},
		"the browser confirms it":   {"", market.PaymentCancelled, 0, nil},
		"the bank has it":           {methodProcessing, market.PaymentProcessing, 0, nil},
		"it was declined":           {methodDeclined, "", 0, market.ErrPaymentDeclined},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := connect(t, f)
			var lost atomic.Bool
			f.disturb = func(string) disturbance {
				if lost.Swap(true) {
					return undisturbed
				}
				return lostAnswer
			}
			_, err := p.CreateIntent(t.Context(), request(c.method))
			require.ErrorIs(t, err, market.ErrProviderUnavailable)
			for range 2 {
				after, err := p.CallOffIntent(t.Context(), request(c.method))
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.state, after.State)
			}
			require.Len(t, f.intents, 1)
			require.Equal(t, c.captures, f.captures["payment-1"])
		})
	}
}

func TestAPaymentWhoseCallIsUnderWayCannotBeCalledOffYet(t *testing.T) {
	f := newFake(t)
	f.entered, f.release = make(chan struct{}, 1), make(chan struct{})
	p := connect(t, f)
	made := make(chan error, 1)
	go func() {
		_, err := p.CreateIntent(t.Context(), request(""))
		made <- err
	}()
	<-f.entered
	_, err := p.CallOffIntent(t.Context(), request(""))
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	close(f.release)
	require.NoError(t, <-made)
	after, err := p.CallOffIntent(t.Context(), request(""))
	require.NoError(t, err)
	require.Equal(t, market.PaymentCancelled, after.State)
}

func TestCancelling(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		state  market.PaymentState
	}{
		"an intent that waits for the customer is cancelled": {methodThreeDS, market.PaymentCancelled},
		"one that is captured stays so":                      {methodVisa, market.PaymentSucceeded},
		"one that the bank has stays so":                     {methodProcessing, market.PaymentProcessing},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, newFake(t))
			intent, err := p.CreateIntent(t.Context(), request(c.method))
			require.NoError(t, err)
			for range 2 {
				after, err := p.CancelIntent(t.Context(), intent.ProviderRef)
				require.NoError(t, err)
				require.Equal(t, c.state, after.State)
			}
		})
	}
}

func TestARefundIsMadeOnceWhateverItsKey(t *testing.T) {
	f := newFake(t)
	p := connect(t, f)
	intent, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.NoError(t, err)
	for _, key := range []string{"refund-1", "refund-1", "after Stripe has forgotten the first"} {
		made, err := p.Refund(t.Context(), refund(intent.ProviderRef, key))
		require.NoError(t, err)
		require.Equal(t, market.Refund{ProviderRef: "re_1", Key: "refund-1", State: market.PaymentRefunded}, made)
	}
	byHand := &fakeRefund{id: "re_2", status: "failed", intent: f.intents[intent.ProviderRef]}
	f.refunds = append(f.refunds, byHand)
	made, err := p.Refund(t.Context(), refund(intent.ProviderRef, "after one that was made by hand has failed"))
	require.NoError(t, err)
	require.Equal(t, "re_1", made.ProviderRef)
}

func refund(intent, key string) market.RefundRequest {
	return market.RefundRequest{ProviderRef: intent, PaymentID: "payment-1", Amount: request("").Amount, IdempotencyKey: key}
}

func TestARefundThatHasFailedIsMadeAgainWithAnotherKeyOnly(t *testing.T) {
	f := newFake(t)
	f.slow = true
	p := connect(t, f)
	intent, err := p.CreateIntent(t.Context(), request(methodVisa))
	require.NoError(t, err)
	first, err := p.Refund(t.Context(), refund(intent.ProviderRef, "refund-1"))
	require.NoError(t, err)
	require.Equal(t, market.PaymentRefunding, first.State)
	other, err := p.Refund(t.Context(), refund(intent.ProviderRef, "refund-2"))
	require.NoError(t, err)
	require.Equal(t, first, other, "a pending refund is not made again")

	f.settle(first.ProviderRef, "failed", "lost_or_stolen_card")
	failed, err := p.GetRefund(t.Context(), first.ProviderRef)
	require.NoError(t, err)
	require.Equal(t, market.Refund{ProviderRef: "re_1", Key: "refund-1", State: market.PaymentRefundFailed, Failure: "lost_or_stolen_card"}, failed)
	second, err := p.Refund(t.Context(), refund(intent.ProviderRef, "refund-3"))
	require.NoError(t, err)
	require.Equal(t, "re_2", second.ProviderRef)
	f.settle(second.ProviderRef, "succeeded", "")
	require.Equal(t, 1, f.refundsOf("payment-1"))
}

func TestAnIntentThatThereIsNotIsNotFound(t *testing.T) {
	p := connect(t, newFake(t))
	_, err := p.GetIntent(t.Context(), "pi_none")
	require.ErrorIs(t, err, market.ErrNotFound)
	_, err = p.CancelIntent(t.Context(), "pi_none")
	require.ErrorIs(t, err, market.ErrNotFound)
	_, err = p.Refund(t.Context(), refund("pi_none", "refund-1"))
	require.ErrorIs(t, err, market.ErrNotFound)
	_, err = p.GetRefund(t.Context(), "re_none")
	require.ErrorIs(t, err, market.ErrNotFound)
}

func TestAmountsAreWrittenAsStripeWantsThem(t *testing.T) {
	for name, c := range map[string]struct {
		amount          market.Money
		minor, currency string
	}{
		"euros in cents":                   {market.Money{Amount: 1250, Currency: market.EUR}, "1250", "eur"},
		"krónur as if they had two digits": {market.Money{Amount: 990, Currency: "ISK"}, "99000", "isk"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			r := request(methodVisa)
			r.Amount = c.amount
			p := connect(t, f)
			intent, err := p.CreateIntent(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, c.minor, f.intents[intent.ProviderRef].amount)
			require.Equal(t, c.currency, f.intents[intent.ProviderRef].currency)
			back := refund(intent.ProviderRef, "refund-1")
			back.Amount = c.amount
			_, err = p.Refund(t.Context(), back)
			require.NoError(t, err)
		})
	}
	r := request(methodVisa)
	r.Amount.Amount = 0
	_, err := connect(t, newFake(t)).CreateIntent(t.Context(), r)
	require.ErrorContains(t, err, "not above zero")
}

func TestACallEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	f.entered, f.release = make(chan struct{}, 1), make(chan struct{})
	p := connect(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := p.CreateIntent(ctx, request(methodVisa))
		ended <- err
	}()
	<-f.entered
	cancel()
	err := <-ended
	close(f.release)
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}
