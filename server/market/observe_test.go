package market_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestTheObserverIsToldOnceOfEachStateThatAPaymentComesInto(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fair, buyer := markettest.NewFair(t, s, 5), markettest.Buyer()
		told := func() (states []market.PaymentState) {
			for _, state := range market.PaymentStates() {
				for range fair.Observer.Payments(state) {
					states = append(states, state)
				}
			}
			return states
		}
		order, _, err := fair.Checkout.Place(t.Context(), buyer, fair.Want(2))
		require.NoError(t, err)
		require.Empty(t, told())
		pay := market.PayRequest{OrderID: order.ID, IdempotencyKey: "p"}
		for range 2 { // the second time it is a repeat
			_, _, _, err = fair.Checkout.Pay(t.Context(), buyer, pay)
			require.NoError(t, err)
			require.ElementsMatch(t, []market.PaymentState{market.PaymentSucceeded, market.PaymentCreated}, told())
		}
		_, err = fair.Checkout.Cancel(t.Context(), buyer, order.ID)
		require.NoError(t, err)
		_, err = fair.Checkout.AttendPayments(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []market.PaymentState{
			market.PaymentSucceeded, market.PaymentCreated, market.PaymentRefunding, market.PaymentRefunded,
		}, told())
	})
}
