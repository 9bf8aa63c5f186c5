package market_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestADeletedProductIsOffSaleAndItsOrdersStay(t *testing.T) {
	eachFair(t, []int64{9, 9, 9}, func(t *testing.T, fair *markettest.Fair) {
		buyer := markettest.Buyer()
		kept, dropped := place(t, fair, buyer, fair.Want(2, 1)), place(t, fair, buyer, fair.Want(3))
		deleteFirstProduct(t, fair)

		require.Equal(t, []string{"Product 2", "Product 3"}, onSale(t, fair))
		gone := fair.Offerings[0].ID
		_, err := fair.Plan.Offering(t.Context(), gone)
		require.ErrorIs(t, err, market.ErrNotFound)
		more := int64(20)
		_, err = fair.Plan.ChangeOffering(t.Context(), fair.Manager, gone, market.OfferingChange{Quantity: &more})
		require.ErrorIs(t, err, market.ErrNotFound)
		_, err = fair.Plan.Offer(t.Context(), fair.Manager, fair.Offerings[0])
		require.ErrorIs(t, err, market.ErrNotFound)
		late := fair.Offerings[0]
		late.ID = uuid.NewString()
		require.ErrorIs(t, fair.Store.AddOffering(t.Context(), late), market.ErrNotFound, "deleted while it was being offered")

		wanted := fair.Want(1, 1)
		slices.Reverse(wanted.Lines)
		for _, again := range []bool{false, true} {
			_, replayed, err := fair.Checkout.Place(t.Context(), buyer, wanted)
			var withdrawn *market.WithdrawnError
			require.ErrorAs(t, err, &withdrawn)
			require.Equal(t, []market.WithdrawnLine{{Index: 1, OfferingID: gone, Name: "Product 1"}}, withdrawn.Lines)
			require.Equal(t, again, replayed)
		}
		require.EqualValues(t, 8, fair.Available(t, 1), "a refusal takes nothing of what is on sale")

		require.Equal(t, market.OrderPaid, pay(t, fair, kept).State)
		_, err = fair.Checkout.Cancel(t.Context(), buyer, dropped.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"Product 2", "Product 3"}, onSale(t, fair), "units that come back are not on sale")
		order, err := fair.Checkout.Order(t.Context(), buyer, kept.ID)
		require.NoError(t, err)
		require.Equal(t, kept.Lines, order.Lines)
		requireClean(t, fair)
	})
}

func TestADayWhoseWindowCanBeMovedSellsNoDeletedProductWhenItOpensAgain(t *testing.T) {
	eachFair(t, []int64{9, 9}, func(t *testing.T, fair *markettest.Fair) {
		fair.Clock.Set(fair.Day.ClosesAt)
		deleteFirstProduct(t, fair)
		_, err := fair.Plan.MoveWindow(t.Context(), fair.Manager, fair.Day.ID, nil, fair.Day.OpensAt, fair.Day.ClosesAt.Add(time.Hour))
		require.NoError(t, err)
		_, _, err = fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(1))
		require.ErrorContains(t, err, "not on sale any more: Product 1")
		place(t, fair, markettest.Buyer(), fair.Want(0, 1))
	})
}

func TestWhatAClosedDaySoldStaysListed(t *testing.T) {
	eachFair(t, []int64{9, 9}, func(t *testing.T, fair *markettest.Fair) {
		fair.Clock.Set(fair.Day.ClosesAt)
		upkeep(t, fair)
		deleteFirstProduct(t, fair)
		require.Equal(t, []string{"Product 1", "Product 2"}, onSale(t, fair))
	})
}

// TestNoOrderThatBeginsAfterADeletionHasTheProduct lets buyers order, all the time and several at once, what is deleted
// meanwhile.
func TestNoOrderThatBeginsAfterADeletionHasTheProduct(t *testing.T) {
	eachFair(t, []int64{100_000, 100_000}, func(t *testing.T, fair *markettest.Fair) {
		const buyers, before = 8, 40
		var (
			group   errgroup.Group
			deleted atomic.Bool
			placed  = make(chan struct{}, before)
		)
		for range buyers {
			group.Go(func() error {
				for {
					late := deleted.Load()
					_, _, err := fair.Checkout.Place(ctx(), markettest.Buyer(), fair.Want(1, 1))
					var withdrawn *market.WithdrawnError
					switch {
					case errors.As(err, &withdrawn):
						return nil
					case err != nil:
						return err
					case late:
						return errors.New("an order has a product that was deleted before it was asked for")
					}
					select {
					case placed <- struct{}{}:
					default:
					}
				}
			})
		}
		for range before {
			<-placed
		}
		deleteFirstProduct(t, fair)
		deleted.Store(true)
		require.NoError(t, group.Wait())
		requireClean(t, fair)
	})
}

// TestAnOrderThatWaitsBehindADeletionIsRefused is about PostgreSQL's locks: on SQLite one writes after the other.
func TestAnOrderThatWaitsBehindADeletionIsRefused(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t), store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	fair := markettest.NewFair(t, s, 9)
	offering := fair.Offerings[0]
	var deletion, order errgroup.Group
	require.NoError(t, s.Atomically(t.Context(), "be in the way", func(ctx context.Context, tx market.CheckoutTx) error {
		if _, err := tx.LockOfferings(ctx, fair.Day.ID, []string{offering.ID}); err != nil {
			return err
		}
		deletion.Go(func() error {
			return s.DeleteProduct(t.Context(), offering.ProductID, market.AnyVersion, fair.Clock.Now())
		})
		requireWaiting(t, s, offering.ProductID)
		order.Go(func() error {
			_, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(1))
			return err
		})
		requireWaiting(t, s, offering.ID)
		return nil
	}))
	require.NoError(t, deletion.Wait())
	require.ErrorContains(t, order.Wait(), "not on sale any more")
}

func deleteFirstProduct(t *testing.T, fair *markettest.Fair) {
	t.Helper()
	require.NoError(t, fair.Store.DeleteProduct(t.Context(), fair.Offerings[0].ProductID, market.AnyVersion, fair.Clock.Now()))
}

// onSale returns the names of what is listed for the fair's day.
func onSale(t require.TestingT, fair *markettest.Fair) []string {
	page, err := fair.Plan.Offerings(ctx(), market.OfferingQuery{
		Paging: market.Paging{Page: 1, Limit: market.MaxLimit}, MarketDayID: fair.Day.ID,
	})
	require.NoError(t, err)
	names := make([]string, len(page.Items))
	for i, offering := range page.Items {
		names[i] = offering.Name
	}
	return names
}
