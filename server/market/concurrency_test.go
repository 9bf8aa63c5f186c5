package market_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

// TestHundredsOfBuyersOfFewUnitsGetEachUnitOnce has every buyer want some of everything in an order of its own, which is
// how deadlocks come about, and ask twice at once with one key, which is how orders are doubled.
func TestHundredsOfBuyersOfFewUnitsGetEachUnitOnce(t *testing.T) {
	const buyers = 300
	quantities := []int64{40, 25, 60, 10}
	eachFair(t, quantities, func(t *testing.T, fair *markettest.Fair) {
		var (
			mu     sync.Mutex
			orders = map[string]market.Order{}
			group  errgroup.Group
		)
		for range buyers {
			buyer, wanted := markettest.Buyer(), fair.Want(1+rand.Int64N(2), 1, 1+rand.Int64N(2), 1)
			rand.Shuffle(len(wanted.Lines), func(i, j int) { wanted.Lines[i], wanted.Lines[j] = wanted.Lines[j], wanted.Lines[i] })
			wanted.Lines = wanted.Lines[:1+rand.IntN(len(wanted.Lines))]
			placed := make([]string, 2)
			for i := range placed {
				group.Go(func() error {
					order, _, err := fair.Checkout.Place(t.Context(), buyer, wanted)
					for errors.Is(err, market.ErrInProgress) { // on a busy machine: the repeat asks again, as it is told to
						order, _, err = fair.Checkout.Place(t.Context(), buyer, wanted)
					}
					var soldOut *market.SoldOutError
					if errors.As(err, &soldOut) {
						return nil
					}
					mu.Lock()
					defer mu.Unlock()
					placed[i] = order.ID
					orders[order.ID] = order
					if placed[0] != "" && placed[1] != "" && placed[0] != placed[1] {
						return errors.New("one key placed two orders")
					}
					return err
				})
			}
		}
		require.NoError(t, group.Wait())

		held := make([]int64, len(quantities))
		for _, order := range orders {
			for _, line := range order.Lines {
				at := slices.IndexFunc(fair.Offerings, func(o market.Offering) bool { return o.ID == line.OfferingID })
				held[at] += line.Quantity
			}
		}
		for i, quantity := range quantities {
			require.Equal(t, quantity, held[i]+fair.Available(t, i), "of offering %d, every unit is held or available", i)
		}
		require.Positive(t, fair.Observer.SoldOuts(), "the units were few")
		requireClean(t, fair)
	})
}

func requireClean(t require.TestingT, fair *markettest.Fair) {
	found, err := fair.Store.Audit(ctx(), time.Time{})
	require.NoError(t, err)
	require.True(t, found.Clean(), found.String())
}

// TestPlacingCancellingExpiringAndClosingAtOnceLeaveNoDeadlock lets everything that locks rows run at once.
func TestPlacingCancellingExpiringAndClosingAtOnceLeaveNoDeadlock(t *testing.T) {
	eachFair(t, []int64{500, 500, 500}, func(t *testing.T, fair *markettest.Fair) {
		var orders []market.Order
		for range 60 {
			orders = append(orders, place(t, fair, markettest.Buyer(), fair.Want(1, 2, 1)))
		}
		fair.Clock.Set(orders[0].HoldExpiresAt)
		var group errgroup.Group
		for i, order := range orders {
			group.Go(func() error {
				_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
				return ignore(err, market.ErrConflict)
			})
			group.Go(func() error {
				_, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(2, 1, 1))
				return err
			})
			if i%10 == 0 {
				group.Go(func() error { _, err := fair.Checkout.ExpireHolds(t.Context()); return err })
				group.Go(func() error { _, err := fair.Checkout.CloseDays(t.Context()); return err })
				group.Go(func() error {
					more := int64(500 + i)
					_, err := fair.Plan.ChangeOffering(t.Context(), fair.Manager, fair.Offerings[i%3].ID, market.OfferingChange{Quantity: &more})
					return err
				})
			}
		}
		require.NoError(t, group.Wait())
		_, err := fair.Checkout.ExpireHolds(t.Context())
		require.NoError(t, err)
		requireClean(t, fair)
		require.Equal(t, 60, fair.Observer.Became(market.OrderExpired)+fair.Observer.Became(market.OrderCancelled), "each ended once")
	})
}

func ignore(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// TestNoOrderGetsASlotThatIsBeingRemoved lets customers order for a slot while a manager removes it.
func TestNoOrderGetsASlotThatIsBeingRemoved(t *testing.T) {
	eachFair(t, []int64{1000}, func(t *testing.T, fair *markettest.Fair) {
		for range 20 {
			m, err := fair.Plan.Market(t.Context(), fair.Market.ID)
			require.NoError(t, err)
			kept, added := m.Slots[0], market.PickupSlot{Label: "New", StartsAt: "23:00", EndsAt: "23:30"}
			change := func(slots ...market.PickupSlot) (market.Market, error) {
				return fair.Plan.ChangeMarket(t.Context(), fair.Manager, m.ID, func(market.Market) bool { return true },
					market.MarketDetails{Name: m.Name, Place: m.Place, Country: m.Country, Slots: slots})
			}
			m, err = change(kept, added)
			require.NoError(t, err)
			slot := m.Slots[1].ID
			var placing errgroup.Group
			var placed atomic.Int32
			for range 4 {
				placing.Go(func() error {
					wanted := fair.Want(1)
					wanted.SlotID = slot
					_, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), wanted)
					if err == nil {
						placed.Add(1)
					}
					return allow(err, market.ErrNotFound)
				})
			}
			_, err = change(kept)
			require.NoError(t, allow(err, market.ErrConflict))
			require.NoError(t, placing.Wait())
			removed := err == nil
			require.False(t, removed && placed.Load() > 0, "the slot is gone, and %d orders have it", placed.Load())
			for _, order := range ordersOf(t, fair, slot) { // so that the next round can remove it
				_, err := fair.Checkout.Cancel(t.Context(), fair.Manager, order.ID)
				require.NoError(t, err)
			}
			_, err = change(kept)
			require.NoError(t, err)
		}
	})
}

func ordersOf(t *testing.T, fair *markettest.Fair, slot string) []market.Order {
	t.Helper()
	page, err := fair.Checkout.Orders(t.Context(), fair.Manager,
		market.OrderQuery{Paging: market.Paging{Page: 1, Limit: market.MaxLimit}, State: market.OrderPendingPayment})
	require.NoError(t, err)
	return slices.DeleteFunc(page.Items, func(o market.Order) bool { return o.SlotID != slot })
}
