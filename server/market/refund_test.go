package market_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

const (
	refunding, refunded, refundFailed = market.PaymentRefunding, market.PaymentRefunded, market.PaymentRefundFailed
)

// refundIn lets a customer pay and cancel an order, and the provider take the refund in the state.
func refundIn(t *testing.T, fair *markettest.Fair, state market.PaymentState) market.Order {
	t.Helper()
	fair.Provider.AnswerRefunds(state)
	order := pay(t, fair, place(t, fair, markettest.Buyer(), fair.Want(1)))
	_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
	require.NoError(t, err)
	upkeep(t, fair)
	return order
}

// paymentNow is the only payment of the order.
func paymentNow(t require.TestingT, fair *markettest.Fair, order market.Order) market.Payment {
	found, err := fair.Checkout.Order(ctx(), owner(order), order.ID)
	require.NoError(t, err)
	require.Len(t, found.Payments, 1)
	return found.Payments[0]
}

func TestARefundIsWhatTheProviderSaysOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		answer market.PaymentState
		told   []market.PaymentState
		want   market.PaymentState
	}{
		"made at once":                                {refunded, nil, refunded},
		"pending":                                     {refunding, nil, refunding},
		"pending, and told so again":                  {refunding, []market.PaymentState{refunding}, refunding},
		"pending, and then made":                      {refunding, []market.PaymentState{refunded}, refunded},
		"pending, and then failed":                    {refunding, []market.PaymentState{refundFailed}, refundFailed},
		"failed at once":                              {refundFailed, nil, refundFailed},
		"made, and then sent back by the bank":        {refunded, []market.PaymentState{refundFailed}, refundFailed},
		"failed, which is told twice":                 {refunding, []market.PaymentState{refundFailed, refundFailed}, refundFailed},
		"made, which is told before the pending news": {refunding, []market.PaymentState{refunded, refunding}, refunded},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order := refundIn(t, fair, c.answer)
				require.Equal(t, c.answer, paymentNow(t, fair, order).State)
				made := fair.Provider.Refunds()[0]
				for _, state := range c.told {
					event := fair.Provider.ReportRefund(made.ProviderRef, state)
					event.State, event.Refund.State = state, state
					require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
				}
				payment := paymentNow(t, fair, order)
				require.Equal(t, c.want, payment.State)
				require.Equal(t, made.ProviderRef, payment.RefundRef)
				require.Equal(t, c.want == refundFailed && len(c.told) > 0, payment.RefundFailure != "")
				require.Equal(t, market.RefundCancelled, payment.RefundReason)
				require.Equal(t, c.want == refundFailed, fair.Observer.Payments(refundFailed) == 1, "it is told once")
				fair.Clock.Advance(24 * time.Hour)
				upkeep(t, fair)
				require.Len(t, fair.Provider.Refunds(), 1, "nothing is given back again by itself")
			})
		})
	}
}

func TestAPendingRefundOfWhichNoEventTellsIsAskedAbout(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := refundIn(t, fair, refunding)
		fair.Provider.ReportRefund(fair.Provider.Refunds()[0].ProviderRef, refundFailed) // the event is lost
		fair.Clock.Advance(time.Minute)
		upkeep(t, fair)
		require.Equal(t, refunding, paymentNow(t, fair, order).State, "banks take their time")
		fair.Clock.Advance(time.Hour)
		upkeep(t, fair)
		require.Equal(t, refundFailed, paymentNow(t, fair, order).State)
	})
}

func TestARefundWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := pay(t, fair, place(t, fair, markettest.Buyer(), fair.Want(1)))
		_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		fair.Provider.AnswerRefunds(refunding)
		fair.Provider.Fail(market.ErrProviderUnavailable, true)
		_, err = fair.Checkout.AttendPayments(t.Context())
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		event := fair.Provider.ReportRefund(fair.Provider.Refunds()[0].ProviderRef, refunded)
		fair.Provider.Fail(nil, false)
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event), "the event comes before the answer")
		fair.Clock.Advance(time.Hour)
		upkeep(t, fair)
		require.Equal(t, refunded, paymentNow(t, fair, order).State)
		require.Len(t, fair.Provider.Refunds(), 1)
	})
}

func TestAFailedRefundIsListedAndTriedAgainByAManager(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order, other := refundIn(t, fair, refundFailed), refundIn(t, fair, refunded)
		require.Equal(t, []string{order.ID}, failedRefunds(t, fair, fair.Manager))
		require.Equal(t, []string{order.ID}, failedRefunds(t, fair, owner(order)))
		require.Empty(t, failedRefunds(t, fair, owner(other)))
		open, err := fair.Store.OpenRefunds(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[market.PaymentState]int{refunding: 0, refundFailed: 1}, open)

		_, _, err = fair.Checkout.RetryRefund(t.Context(), owner(order), order.ID, uuid.NewString())
		require.ErrorIs(t, err, market.ErrForbidden)
		_, _, err = fair.Checkout.RetryRefund(t.Context(), fair.Manager, other.ID, uuid.NewString())
		require.ErrorIs(t, err, market.ErrConflict)
		old := fair.Provider.ReportRefund(fair.Provider.Refunds()[0].ProviderRef, refundFailed)
		fair.Provider.AnswerRefunds(refunding)
		for range 2 {
			again, _, err := fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, uuid.NewString())
			require.NoError(t, err, "saying it twice changes nothing")
			require.Equal(t, refunding, again.Payments[0].State)
			require.Empty(t, again.Payments[0].RefundFailure)
		}
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), old), "late news of the first try")
		require.Equal(t, refunding, paymentNow(t, fair, order).State)
		upkeep(t, fair)
		old.EventID = "evt_of_the_same"
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), old), "later news of the first try")
		second := fair.Provider.Refunds()[2]
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), fair.Provider.ReportRefund(second.ProviderRef, refunded)))
		payment := paymentNow(t, fair, order)
		require.Equal(t, refunded, payment.State)
		require.Equal(t, second.ProviderRef, payment.RefundRef)
		require.Empty(t, failedRefunds(t, fair, fair.Manager))
		_, _, err = fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, uuid.NewString())
		require.ErrorIs(t, err, market.ErrConflict, "it is given back")
		for _, intent := range fair.Provider.Intents() {
			require.Equal(t, 1, intent.Refunds)
		}
	})
}

func TestALateRepeatOfARetryBeginsNoOtherTry(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order, other := refundIn(t, fair, refundFailed), refundIn(t, fair, refundFailed)
		fair.Provider.AnswerRefunds(refundFailed)
		first, replayed, err := fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, "key")
		require.NoError(t, err)
		require.False(t, replayed)
		upkeep(t, fair)
		tries := len(fair.Provider.Refunds())
		require.Equal(t, refundFailed, paymentNow(t, fair, order).State, "it has failed once more")

		again, replayed, err := fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, "key")
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, first, again)
		upkeep(t, fair)
		require.Len(t, fair.Provider.Refunds(), tries)

		_, _, err = fair.Checkout.RetryRefund(t.Context(), fair.Manager, other.ID, "key")
		require.ErrorIs(t, err, market.ErrKeyReused)
		_, _, err = fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, "another-key")
		require.NoError(t, err)
		upkeep(t, fair)
		require.Len(t, fair.Provider.Refunds(), tries+1)
	})
}

func failedRefunds(t *testing.T, fair *markettest.Fair, actor market.Actor) []string {
	t.Helper()
	page, err := fair.Checkout.Orders(t.Context(), actor, market.OrderQuery{Paging: market.Paging{Page: 1, Limit: 20}, RefundFailed: true})
	require.NoError(t, err)
	ids := make([]string, len(page.Items))
	for i, order := range page.Items {
		ids[i] = order.ID
	}
	return ids
}

func TestARefundThatWasMadeByHandIsFoundWhenItIsTriedAgain(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := refundIn(t, fair, refundFailed)
		payment := paymentNow(t, fair, order)
		fair.Provider.AnswerRefunds(refunded)
		_, err := fair.Provider.Refund(t.Context(), market.RefundRequest{
			ProviderRef: payment.ProviderRef, Amount: payment.Amount, IdempotencyKey: "by hand",
		})
		require.NoError(t, err)
		_, _, err = fair.Checkout.RetryRefund(t.Context(), fair.Manager, order.ID, uuid.NewString())
		require.NoError(t, err)
		upkeep(t, fair)
		require.Equal(t, refunded, paymentNow(t, fair, order).State)
		require.Equal(t, 1, fair.Provider.Intents()[0].Refunds)
	})
}
