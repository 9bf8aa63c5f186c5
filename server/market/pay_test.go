package market_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

func ctx() context.Context { return context.Background() }

func TestAPaymentIsAskedForOnceWhateverIsRepeated(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"}
		paid, payment, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
		require.NoError(t, err)
		require.Equal(t, market.OrderPaid, paid.State)
		require.Equal(t, market.PaymentSucceeded, payment.State)

		again, _, replayed, err := fair.Checkout.Pay(t.Context(), owner(order), request)
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, paid, again)

		_, _, _, err = fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-2"})
		require.ErrorIs(t, err, market.ErrConflict, "it is paid")
		_, _, _, err = fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1", Method: "cash"})
		require.ErrorIs(t, err, market.ErrKeyReused)
		second := place(t, fair, owner(order), fair.Want(1))
		_, _, _, err = fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: second.ID, IdempotencyKey: "pay-1"})
		require.ErrorIs(t, err, market.ErrKeyReused, "for another order")
		require.Len(t, fair.Provider.Intents(), 1)
	})
}

func TestADeclinedPaymentIsDeclinedAgainAndAnotherMayFollow(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		fair.Provider.Decline("the card has expired")
		for range 2 {
			_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"})
			require.ErrorIs(t, err, market.ErrPaymentDeclined)
			require.ErrorContains(t, err, "the card has expired")
			fair.Provider.Decline("")
		}
		require.Equal(t, market.OrderPaid, pay(t, fair, order).State)
	})
}

func TestAProviderThatIsAwayChargesNothingTwice(t *testing.T) {
	for name, lost := range map[string]bool{"the call does not arrive": false, "the answer does not arrive": true} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order := place(t, fair, markettest.Buyer(), fair.Want(1))
				request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"}
				fair.Provider.Fail(market.ErrProviderUnavailable, lost)
				for range 2 {
					_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
					require.ErrorIs(t, err, market.ErrProviderUnavailable)
				}
				_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-2"})
				require.ErrorIs(t, err, market.ErrConflict, "whether the first was charged is not known")
				fair.Provider.Fail(nil, false)
				paid, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
				require.NoError(t, err)
				require.Equal(t, market.OrderPaid, paid.State)
				require.Len(t, fair.Provider.Intents(), 1)
			})
		})
	}
}

func TestALostAnswerIsFoundOutWithoutTheCustomer(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		fair.Provider.Fail(market.ErrProviderUnavailable, true)
		_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"})
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		fair.Provider.Fail(nil, false)
		fair.Clock.Advance(time.Minute)
		upkeep(t, fair)
		found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		require.Equal(t, market.OrderPaid, found.State)
		require.Len(t, fair.Provider.Intents(), 1)
	})
}

// pending places an order and starts a payment that the provider does not capture at once.
func pending(t *testing.T, fair *markettest.Fair) (market.Order, market.Payment) {
	t.Helper()
	fair.Provider.Answer(market.PaymentProcessing)
	order := place(t, fair, markettest.Buyer(), fair.Want(1))
	_, payment, _, err := fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"})
	require.NoError(t, err)
	require.Equal(t, market.PaymentProcessing, payment.State)
	return order, payment
}

func TestEventsMayComeTwiceLateAndInAnyOrder(t *testing.T) {
	succeeded, failed, cancelled, action := market.PaymentSucceeded, market.PaymentFailed, market.PaymentCancelled, market.PaymentRequiresAction
	for name, test := range map[string]struct {
		events  []market.PaymentState
		order   market.OrderState
		payment market.PaymentState
	}{
		"a capture":                        {[]market.PaymentState{succeeded}, market.OrderPaid, succeeded},
		"a capture, twice":                 {[]market.PaymentState{succeeded, succeeded}, market.OrderPaid, succeeded},
		"old news after a capture":         {[]market.PaymentState{succeeded, action, market.PaymentProcessing}, market.OrderPaid, succeeded},
		"a failure after a capture":        {[]market.PaymentState{succeeded, failed}, market.OrderPaid, succeeded},
		"a capture after a failure":        {[]market.PaymentState{failed, succeeded}, market.OrderPaid, succeeded},
		"a capture after a cancellation":   {[]market.PaymentState{cancelled, succeeded}, market.OrderPaid, succeeded},
		"a failure":                        {[]market.PaymentState{action, failed, failed}, market.OrderPendingPayment, failed},
		"back and forth before the answer": {[]market.PaymentState{action, market.PaymentProcessing, action}, market.OrderPendingPayment, action},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order, payment := pending(t, fair)
				for i, state := range test.events {
					require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), market.PaymentEvent{
						Provider: "sandbox", EventID: fmt.Sprint("evt_", i), ProviderRef: payment.ProviderRef, State: state, At: fair.Clock.Now(),
					}))
				}
				found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				require.Equal(t, test.order, found.State)
				require.Equal(t, test.payment, found.Payments[0].State)
			})
		})
	}
}

func TestAnEventOfAPaymentThatIsNotOursIsNotFound(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		err := fair.Checkout.HandlePaymentEvent(t.Context(), market.PaymentEvent{ProviderRef: "pi_foreign", State: market.PaymentSucceeded})
		require.ErrorIs(t, err, market.ErrNotFound)
	})
}

func TestACapturePaysUntilTheHoldExpiresWhetherOrNotAJobHasEndedIt(t *testing.T) {
	tests := map[string]struct {
		after   time.Duration // from when the hold expires
		expires bool          // the job has its turn before
		order   market.OrderState
		payment market.PaymentState
	}{
		"a moment before":                      {-time.Microsecond, false, market.OrderPaid, market.PaymentSucceeded},
		"a moment before, after the job":       {-time.Microsecond, true, market.OrderPaid, market.PaymentSucceeded},
		"when it expires":                      {0, false, market.OrderExpired, market.PaymentRefunding},
		"when it expires, after the job":       {0, true, market.OrderExpired, market.PaymentRefunding},
		"a minute later, which no job noticed": {time.Minute, false, market.OrderExpired, market.PaymentRefunding},
	}
	reports := map[string]func(*testing.T, *markettest.Fair, market.Payment){
		"an event": func(t *testing.T, fair *markettest.Fair, payment market.Payment) {
			event := fair.Provider.Report(payment.ProviderRef, market.PaymentSucceeded)
			require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
		},
		"the answer when the market asks": func(t *testing.T, fair *markettest.Fair, payment market.Payment) {
			fair.Provider.Report(payment.ProviderRef, market.PaymentSucceeded)
			_, err := fair.Checkout.AttendPayments(t.Context())
			require.NoError(t, err)
		},
	}
	for name, test := range tests {
		for by, report := range reports {
			t.Run(name+" by "+by, func(t *testing.T) {
				eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
					order, payment := pending(t, fair)
					fair.Clock.Set(order.HoldExpiresAt.Add(test.after))
					if test.expires {
						_, err := fair.Checkout.ExpireHolds(t.Context())
						require.NoError(t, err)
					}
					report(t, fair, payment)
					found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
					require.NoError(t, err)
					require.Equal(t, test.order, found.State)
					require.Equal(t, test.payment, found.Payments[0].State)
					left, refunds := int64(8), 0
					if test.order == market.OrderExpired {
						left, refunds = 9, 1
						require.Equal(t, market.RefundLate, found.Payments[0].RefundReason)
					}
					require.Equal(t, left, fair.Available(t, 0))
					require.Equal(t, refunds, fair.Observer.Became(market.OrderExpired))
					require.Equal(t, refunds, fair.Observer.Payments(market.PaymentRefunding))
					upkeep(t, fair)
					require.Equal(t, left, fair.Available(t, 0), "given back once")
					require.Equal(t, refunds, fair.Provider.Intents()[0].Refunds)
				})
			})
		}
	}
}

func TestNobodyIsAskedForMoneyWhenTheHoldHasExpired(t *testing.T) {
	asks := map[string]func(*testing.T, *markettest.Fair, market.Actor, market.PayRequest){
		"when the customer asks again": func(t *testing.T, fair *markettest.Fair, buyer market.Actor, request market.PayRequest) {
			_, _, _, err := fair.Checkout.Pay(t.Context(), buyer, request)
			require.ErrorIs(t, err, market.ErrConflict)
		},
		"when the market asks for an answer that was lost": func(*testing.T, *markettest.Fair, market.Actor, market.PayRequest) {},
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order := place(t, fair, markettest.Buyer(), fair.Want(1))
				request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"}
				fair.Provider.Fail(market.ErrProviderUnavailable, false) // whether the call arrived is not known
				_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
				require.ErrorIs(t, err, market.ErrProviderUnavailable)
				fair.Provider.Fail(nil, false)
				fair.Clock.Set(order.HoldExpiresAt)
				ask(t, fair, owner(order), request)
				_, err = fair.Checkout.AttendPayments(t.Context())
				require.NoError(t, err)
				for _, intent := range fair.Provider.Intents() {
					require.False(t, intent.Captured)
				}
				found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				require.Equal(t, market.OrderExpired, found.State)
				require.Equal(t, market.PaymentCancelled, found.Payments[0].State)
			})
		})
	}
}

func TestACaptureForAnOrderThatHasEndedIsGivenBackOnce(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *markettest.Fair, market.Order){
		"expired": func(t *testing.T, fair *markettest.Fair, order market.Order) {
			fair.Clock.Set(order.HoldExpiresAt)
			_, err := fair.Checkout.ExpireHolds(t.Context())
			require.NoError(t, err)
		},
		"cancelled": func(t *testing.T, fair *markettest.Fair, order market.Order) {
			_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order, payment := pending(t, fair)
				end(t, fair, order)
				require.EqualValues(t, 9, fair.Available(t, 0))
				event := fair.Provider.Report(payment.ProviderRef, market.PaymentSucceeded)
				require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
				fair.Provider.Fail(market.ErrProviderUnavailable, true)
				_, err := fair.Checkout.AttendPayments(t.Context())
				require.ErrorIs(t, err, market.ErrProviderUnavailable)
				fair.Provider.Fail(nil, false)
				fair.Clock.Advance(time.Minute)
				upkeep(t, fair)
				require.ErrorIs(t, fair.Checkout.HandlePaymentEvent(t.Context(), event), market.ErrEventSeen, "late once more")
				upkeep(t, fair)
				found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				require.False(t, found.State.HoldsStock())
				require.Equal(t, market.PaymentRefunded, found.Payments[0].State)
				require.Equal(t, market.RefundLate, found.Payments[0].RefundReason)
				require.Equal(t, 1, fair.Provider.Intents()[0].Refunds)
				require.EqualValues(t, 9, fair.Available(t, 0), "given back once")
			})
		})
	}
}

func TestAnOpenPaymentOfAnEndedOrderIsCalledOff(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order, _ := pending(t, fair)
		_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		fair.Clock.Advance(time.Minute)
		upkeep(t, fair)
		require.Equal(t, market.PaymentCancelled, fair.Provider.Intents()[0].State)
		found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		require.Equal(t, market.PaymentCancelled, found.Payments[0].State)
	})
}

func TestAnOrderThatHasEndedIsNotChargedOnceTheProviderIsBack(t *testing.T) {
	notAsked := fmt.Errorf("%w: %w", market.ErrProviderUnavailable, market.ErrNotAsked)
	for name, c := range map[string]struct {
		first error // of the calls of the customer
		lost  bool  // the first call arrived
		made  int   // intents in the end
	}{
		"when it was never asked":                    {notAsked, false, 0},
		"when only the answer of a call is lost":     {market.ErrProviderUnavailable, true, 1},
		"when the call may have arrived and has not": {market.ErrProviderUnavailable, false, 1}, // as a cancelled one, in its place
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
				order := place(t, fair, markettest.Buyer(), fair.Want(1))
				request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"}
				fair.Provider.Answer(market.PaymentProcessing)
				fair.Provider.Fail(c.first, c.lost)
				_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
				require.ErrorIs(t, err, market.ErrProviderUnavailable)
				fair.Provider.Fail(notAsked, false)
				_, _, _, err = fair.Checkout.Pay(t.Context(), owner(order), request)
				require.ErrorIs(t, err, market.ErrProviderUnavailable)
				fair.Clock.Advance(time.Minute)
				_, err = fair.Checkout.AttendPayments(t.Context())
				require.ErrorIs(t, err, market.ErrProviderUnavailable)

				_, err = fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				fair.Provider.Answer(market.PaymentSucceeded)
				fair.Provider.Fail(nil, false)
				for range 3 {
					fair.Clock.Advance(time.Minute)
					_, _, _, err = fair.Checkout.Pay(t.Context(), owner(order), request)
					require.ErrorIs(t, err, market.ErrConflict, "the customer cannot pay for it any more either")
					upkeep(t, fair)
				}
				require.Len(t, fair.Provider.Intents(), c.made)
				for _, intent := range fair.Provider.Intents() { // the call of the customer arrives at last
					_, err = fair.Provider.CreateIntent(t.Context(), intent.Request)
					require.NoError(t, err)
				}
				for _, intent := range fair.Provider.Intents() {
					require.False(t, intent.Captured)
				}
				found, err := fair.Checkout.Order(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				require.Equal(t, market.PaymentCancelled, found.Payments[0].State)
			})
		})
	}
}

func TestACaptureThatNobodyKnewOfIsFoundAndGivenBackWhenTheOrderHasEnded(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		fair.Provider.Fail(market.ErrProviderUnavailable, true)
		_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"})
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		_, err = fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		fair.Provider.Fail(nil, false)
		for range 2 {
			fair.Clock.Advance(time.Minute)
			upkeep(t, fair)
		}
		require.Len(t, fair.Provider.Intents(), 1)
		require.Equal(t, 1, fair.Provider.Intents()[0].Refunds)
		require.Equal(t, market.PaymentRefunded, paymentNow(t, fair, order).State)
	})
}

func TestACancelledPaidOrderIsRefunded(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := pay(t, fair, place(t, fair, markettest.Buyer(), fair.Want(4)))
		for range 2 {
			cancelled, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
			require.NoError(t, err)
			require.Equal(t, market.OrderCancelled, cancelled.State)
			require.Equal(t, market.PaymentRefunding, cancelled.Payments[0].State)
			require.EqualValues(t, 9, fair.Available(t, 0))
		}
		upkeep(t, fair)
		require.Equal(t, 1, fair.Provider.Intents()[0].Refunds)
	})
}

func TestACustomerCannotCancelOnceTheHarvestHasBegunButAManagerCan(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		order := pay(t, fair, place(t, fair, markettest.Buyer(), fair.Want(4)))
		fair.Clock.Set(fair.Day.ClosesAt)
		_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
		require.ErrorIs(t, err, market.ErrConflict)
		_, err = fair.Checkout.Cancel(t.Context(), fair.Manager, order.ID)
		require.NoError(t, err)
	})
}
