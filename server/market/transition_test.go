package market_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

func TestOrdersMoveAsTheTableSaysAndNoOtherWay(t *testing.T) {
	const (
		pending, paid, packed         = market.OrderPendingPayment, market.OrderPaid, market.OrderPacked
		collected, cancelled, expired = market.OrderCollected, market.OrderCancelled, market.OrderExpired
	)
	allowed := map[[2]market.OrderState]bool{
		{pending, paid}: true, {pending, cancelled}: true, {pending, expired}: true,
		{paid, packed}: true, {paid, cancelled}: true,
		{packed, collected}: true,
	}
	for _, from := range market.OrderStates() {
		for _, to := range market.OrderStates() {
			require.Equal(t, allowed[[2]market.OrderState{from, to}], from.CanBecome(to), "from %s to %s", from, to)
		}
		require.Equal(t, from != cancelled && from != expired, from.HoldsStock(), from)
	}
	require.False(t, market.OrderState("lost").Valid())
}

func TestPaymentsMoveAsTheTableSaysAndNoOtherWay(t *testing.T) {
	const (
		created, action, processing  = market.PaymentCreated, market.PaymentRequiresAction, market.PaymentProcessing
		succeeded, failed, cancelled = market.PaymentSucceeded, market.PaymentFailed, market.PaymentCancelled
	)
	allowed := map[[2]market.PaymentState]bool{
		{created, action}: true, {created, processing}: true, {created, succeeded}: true, {created, failed}: true,
		{created, cancelled}: true, {created, refunding}: true,
		{action, processing}: true, {action, succeeded}: true, {action, failed}: true, {action, cancelled}: true, {action, refunding}: true,
		{processing, action}: true, {processing, succeeded}: true, {processing, failed}: true, {processing, cancelled}: true,
		{processing, refunding}: true,
		{failed, succeeded}:     true, {failed, refunding}: true,
		{cancelled, succeeded}: true, {cancelled, refunding}: true,
		{succeeded, refunding}: true, {refunding, refunded}: true,
		{refunding, refundFailed}: true, {refunded, refundFailed}: true, {refundFailed, refunding}: true,
	}
	for _, from := range market.PaymentStates() {
		for _, to := range market.PaymentStates() {
			require.Equal(t, allowed[[2]market.PaymentState{from, to}], from.CanBecome(to), "from %s to %s", from, to)
		}
		require.Equal(t, from == created || from == action || from == processing, from.Open(), from)
	}
	require.False(t, market.PaymentState("lost").Valid())
}

func TestWhatIsDoneAtTheStallFollowsTheTable(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		_, err := fair.Checkout.Pack(t.Context(), fair.Manager, order.ID)
		require.ErrorIs(t, err, market.ErrConflict, "it is not paid")
		pay(t, fair, order)
		_, err = fair.Checkout.Pack(t.Context(), owner(order), order.ID)
		require.ErrorIs(t, err, market.ErrForbidden)
		_, err = fair.Checkout.Collect(t.Context(), fair.Manager, order.ID)
		require.ErrorIs(t, err, market.ErrConflict, "it is not packed")
		for range 2 {
			packed, err := fair.Checkout.Pack(t.Context(), fair.Manager, order.ID)
			require.NoError(t, err, "saying it twice changes nothing")
			require.Equal(t, market.OrderPacked, packed.State)
		}
		_, err = fair.Checkout.Cancel(t.Context(), fair.Manager, order.ID)
		require.ErrorIs(t, err, market.ErrConflict, "it is packed")
		collected, err := fair.Checkout.Collect(t.Context(), fair.Manager, order.ID)
		require.NoError(t, err)
		require.Equal(t, market.OrderCollected, collected.State)
	})
}
