package market_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// eachFair runs the test at a fair with an offering for each quantity, once per kind of database.
func eachFair(t *testing.T, quantities []int64, test func(t *testing.T, fair *markettest.Fair)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { test(t, markettest.NewFair(t, s, quantities...)) })
}

func place(t *testing.T, fair *markettest.Fair, buyer market.Actor, placement market.Placement) market.Order {
	t.Helper()
	order, replayed, err := fair.Checkout.Place(t.Context(), buyer, placement)
	require.NoError(t, err)
	require.False(t, replayed)
	return order
}

func TestAnOrderHoldsItsUnitsAndKeepsNamesAndPrices(t *testing.T) {
	eachFair(t, []int64{10, 5}, func(t *testing.T, fair *markettest.Fair) {
		buyer := markettest.Buyer()
		order := place(t, fair, buyer, fair.Want(3, 2))
		require.Equal(t, market.OrderPendingPayment, order.State)
		require.Equal(t, market.Money{Amount: 3*250 + 2*350, Currency: market.EUR}, order.Total)
		require.Equal(t, fair.Clock.Now().Add(15*time.Minute), order.HoldExpiresAt)
		require.EqualValues(t, 7, fair.Available(t, 0))
		require.EqualValues(t, 3, fair.Available(t, 1))

		price := market.Money{Amount: 999, Currency: market.EUR}
		_, err := fair.Plan.ChangeOffering(t.Context(), fair.Manager, fair.Offerings[0].ID, market.OfferingChange{Price: &price})
		require.NoError(t, err)
		_, err = fair.Store.DB().ExecContext(t.Context(), "UPDATE products SET name = 'Renamed'")
		require.NoError(t, err)

		again, err := fair.Checkout.Order(t.Context(), buyer, order.ID)
		require.NoError(t, err)
		require.Equal(t, order, again)
		require.Equal(t, "Product 1", again.Lines[0].Name)
		require.EqualValues(t, 250, again.Lines[0].UnitPrice.Amount)
	})
}

func TestARefusedPlacementLeavesNothingBehind(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*markettest.Fair, *market.Placement)
		is    error
		says  string
	}{
		"more than there is": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.Lines[1].Quantity = 6 },
			is:    market.ErrConflict, says: "5 of 6 Product 2 left",
		},
		"nothing": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.Lines = nil }, is: market.ErrInvalid, says: "lines",
		},
		"less than nothing": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.Lines[0].Quantity = -1 }, is: market.ErrInvalid, says: "lines[0].quantity",
		},
		"one product in two lines": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.Lines[1] = p.Lines[0] }, is: market.ErrInvalid, says: "one line only",
		},
		"an offering that there is not": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.Lines[1].OfferingID = uuid.NewString() }, is: market.ErrNotFound, says: "offering",
		},
		"a market day that there is not": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.MarketDayID = uuid.NewString() }, is: market.ErrNotFound, says: "market day",
		},
		"a slot of another market": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.SlotID = uuid.NewString() }, is: market.ErrNotFound, says: "slot",
		},
		"no key": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.IdempotencyKey = "" }, is: market.ErrInvalid, says: "Idempotency-Key",
		},
		"a key with a space": {
			spoil: func(_ *markettest.Fair, p *market.Placement) { p.IdempotencyKey = "a b" }, is: market.ErrInvalid, says: "Idempotency-Key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{10, 5}, func(t *testing.T, fair *markettest.Fair) {
				buyer, wanted := markettest.Buyer(), fair.Want(1, 1)
				spoiled := wanted
				spoiled.Lines = append([]market.WantedLine{}, wanted.Lines...)
				test.spoil(fair, &spoiled)
				_, _, err := fair.Checkout.Place(t.Context(), buyer, spoiled)
				require.ErrorIs(t, err, test.is)
				require.ErrorContains(t, err, test.says)
				require.EqualValues(t, 10, fair.Available(t, 0))
				require.EqualValues(t, 5, fair.Available(t, 1))
				wanted.IdempotencyKey = uuid.NewString()
				place(t, fair, buyer, wanted)
			})
		})
	}
}

func TestOrdersAreTakenInsideOfTheWindowOnly(t *testing.T) {
	eachFair(t, []int64{10}, func(t *testing.T, fair *markettest.Fair) {
		const moment = time.Microsecond
		for _, test := range []struct {
			at    time.Time
			taken bool
		}{
			{fair.Day.OpensAt.Add(-moment), false},
			{fair.Day.OpensAt, true},
			{fair.Day.ClosesAt.Add(-moment), true},
			{fair.Day.ClosesAt, false},
			{fair.Day.ClosesAt.Add(moment), false},
		} {
			fair.Clock.Set(test.at)
			order, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(1))
			if !test.taken {
				var outside *market.WindowError
				require.ErrorAs(t, err, &outside, "at %s", test.at)
				continue
			}
			require.NoError(t, err, "at %s", test.at)
			require.Equal(t, test.at, order.PlacedAt)
		}
	})
}

func TestAnOrderFromBeforeTheCloseCanBePaidUntilItsHoldExpires(t *testing.T) {
	eachFair(t, []int64{10}, func(t *testing.T, fair *markettest.Fair) {
		fair.Clock.Set(fair.Day.ClosesAt.Add(-time.Microsecond))
		prompt, tardy := place(t, fair, markettest.Buyer(), fair.Want(1)), place(t, fair, markettest.Buyer(), fair.Want(1))
		require.Equal(t, fair.Day.ClosesAt.Add(10*time.Minute), prompt.HoldExpiresAt, "not past the grace")

		fair.Clock.Set(prompt.HoldExpiresAt.Add(-time.Microsecond))
		upkeep(t, fair)
		day, err := fair.Plan.MarketDay(t.Context(), fair.Day.ID)
		require.NoError(t, err)
		require.Equal(t, market.DayClosing, day.State(fair.Clock.Now()), "an order still waits to be paid")
		paid := pay(t, fair, prompt)
		require.Equal(t, market.OrderPaid, paid.State)

		fair.Clock.Set(tardy.HoldExpiresAt)
		_, _, _, err = fair.Checkout.Pay(t.Context(), owner(tardy), market.PayRequest{OrderID: tardy.ID, IdempotencyKey: "late"})
		require.ErrorIs(t, err, market.ErrConflict)
		upkeep(t, fair)
		day, err = fair.Plan.MarketDay(t.Context(), fair.Day.ID)
		require.NoError(t, err)
		require.Equal(t, market.DayClosed, day.State(fair.Clock.Now()))
		require.EqualValues(t, 9, fair.Available(t, 0))
		require.Equal(t, 1, fair.Observer.Became(market.OrderExpired))
	})
}

// upkeep does what the background jobs do.
func upkeep(t require.TestingT, fair *markettest.Fair) {
	for _, job := range []func() (int, error){
		func() (int, error) { return fair.Checkout.ExpireHolds(ctx()) },
		func() (int, error) { return fair.Checkout.AttendPayments(ctx()) },
		func() (int, error) { return fair.Checkout.CloseDays(ctx()) },
	} {
		_, err := job()
		require.NoError(t, err)
	}
}

func owner(order market.Order) market.Actor {
	return market.Actor{ID: order.CustomerID, Role: market.Customer}
}

func pay(t *testing.T, fair *markettest.Fair, order market.Order) market.Order {
	t.Helper()
	paid, _, replayed, err := fair.Checkout.Pay(t.Context(), owner(order),
		market.PayRequest{OrderID: order.ID, IdempotencyKey: uuid.NewString(), Method: "card"})
	require.NoError(t, err)
	require.False(t, replayed)
	return paid
}

func TestARepeatedPlacementReturnsTheOrderThatWasPlaced(t *testing.T) {
	eachFair(t, []int64{2}, func(t *testing.T, fair *markettest.Fair) {
		buyer, wanted := markettest.Buyer(), fair.Want(2)
		order := place(t, fair, buyer, wanted)
		for name, meanwhile := range map[string]func(){
			"when nothing is left":        func() {},
			"when the window has closed":  func() { fair.Clock.Set(fair.Day.ClosesAt) },
			"when another buyer uses it":  func() { _, _, _ = fair.Checkout.Place(t.Context(), markettest.Buyer(), wanted) },
			"when the day takes no order": func() { upkeep(t, fair) },
		} {
			meanwhile()
			again, replayed, err := fair.Checkout.Place(t.Context(), buyer, wanted)
			require.NoError(t, err, name)
			require.True(t, replayed, name)
			require.Equal(t, order.ID, again.ID, name)
		}
		found, err := fair.Checkout.OrderByKey(t.Context(), buyer, wanted.IdempotencyKey)
		require.NoError(t, err)
		require.Equal(t, order.ID, found.ID)
		_, err = fair.Checkout.OrderByKey(t.Context(), markettest.Buyer(), wanted.IdempotencyKey)
		require.ErrorIs(t, err, market.ErrNotFound, "the key of somebody else")

		other := wanted
		other.Lines = []market.WantedLine{{OfferingID: wanted.Lines[0].OfferingID, Quantity: 1}}
		_, _, err = fair.Checkout.Place(t.Context(), buyer, other)
		require.ErrorIs(t, err, market.ErrKeyReused)
	})
}

func TestOthersDoNotSeeAnOrder(t *testing.T) {
	eachFair(t, []int64{2}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		for name, use := range map[string]func(market.Actor) error{
			"get":    func(a market.Actor) error { _, err := fair.Checkout.Order(t.Context(), a, order.ID); return err },
			"cancel": func(a market.Actor) error { _, err := fair.Checkout.Cancel(t.Context(), a, order.ID); return err },
			"pay": func(a market.Actor) error {
				_, _, _, err := fair.Checkout.Pay(t.Context(), a, market.PayRequest{OrderID: order.ID, IdempotencyKey: "k"})
				return err
			},
		} {
			require.ErrorIs(t, use(markettest.Buyer()), market.ErrNotFound, name)
		}
		page, err := fair.Checkout.Orders(t.Context(), markettest.Buyer(), market.OrderQuery{Paging: market.Paging{Page: 1, Limit: 10}})
		require.NoError(t, err)
		require.Empty(t, page.Items)
		page, err = fair.Checkout.Orders(t.Context(), fair.Manager, market.OrderQuery{Paging: market.Paging{Page: 1, Limit: 10}})
		require.NoError(t, err)
		require.Equal(t, []market.Order{order}, page.Items)
	})
}
