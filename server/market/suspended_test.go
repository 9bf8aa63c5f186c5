package market_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

// suspend and verify let the fair's manager judge a farm, twice: the second time changes nothing.
func suspend(t require.TestingT, fair *markettest.Fair, farm int) { judge(t, fair, farm, false) }
func verify(t require.TestingT, fair *markettest.Fair, farm int)  { judge(t, fair, farm, true) }

func judge(t require.TestingT, fair *markettest.Fair, farm int, verified bool) {
	producers := market.NewProducers(fair.Store, fair.Clock)
	do := producers.SuspendFarm
	if verified {
		do = producers.VerifyFarm
	}
	judged, err := do(ctx(), fair.Manager, fair.Farms[farm].ID, nil)
	require.NoError(t, err)
	require.Equal(t, verified, judged.Verified)
	require.Equal(t, verified, judged.VerifiedBy == fair.Manager.ID)
	again, err := do(ctx(), fair.Manager, fair.Farms[farm].ID, nil)
	require.NoError(t, err)
	require.Equal(t, judged, again)
}

// withManager gives the fair a manager that has an account, as who verifies a farm must have.
func withManager(t *testing.T, fair *markettest.Fair) {
	t.Helper()
	account, err := market.NewAccount(fair.Manager.ID, "mary@example.org", "Mary", market.MarketManager, fair.Clock.Now())
	require.NoError(t, err)
	_, err = fair.Store.CreateAccount(t.Context(), account, "")
	require.NoError(t, err)
}

func TestASuspendedFarmSellsNothingAndItsOrdersStay(t *testing.T) {
	eachFair(t, []int64{9, 9, 9}, func(t *testing.T, fair *markettest.Fair) {
		buyer := markettest.Buyer()
		kept, dropped := place(t, fair, buyer, fair.Want(2, 1)), place(t, fair, buyer, fair.Want(3))
		withManager(t, fair)
		suspend(t, fair, 0) // of products 1 and 3

		require.Equal(t, []string{"Product 2"}, onSale(t, fair))
		_, err := fair.Plan.Offering(t.Context(), fair.Offerings[0].ID)
		require.ErrorIs(t, err, market.ErrNotFound)
		_, _, err = fair.Checkout.Place(t.Context(), buyer, fair.Want(1, 1))
		var withdrawn *market.WithdrawnError
		require.ErrorAs(t, err, &withdrawn)
		require.Equal(t, []market.WithdrawnLine{{Index: 0, OfferingID: fair.Offerings[0].ID, Name: "Product 1"}}, withdrawn.Lines)
		place(t, fair, buyer, fair.Want(0, 1))
		_, err = fair.Plan.Offer(t.Context(), fair.Manager, fair.Offerings[0])
		require.ErrorIs(t, err, market.ErrConflict)
		late := fair.Offerings[0]
		late.ID = uuid.NewString()
		require.ErrorContains(t, fair.Store.AddOffering(t.Context(), late), "is not verified", "suspended while it was being offered")

		require.Equal(t, market.OrderPaid, pay(t, fair, kept).State)
		_, err = fair.Checkout.Pack(t.Context(), fair.Manager, kept.ID)
		require.NoError(t, err)
		_, err = fair.Checkout.Cancel(t.Context(), buyer, dropped.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"Product 2"}, onSale(t, fair), "units that come back are not on sale")
		requireClean(t, fair)
	})
}

func TestAFarmThatIsVerifiedAgainSellsWhatItOfferedButForDeletedProducts(t *testing.T) {
	eachFair(t, []int64{9, 9, 9}, func(t *testing.T, fair *markettest.Fair) {
		place(t, fair, markettest.Buyer(), fair.Want(2))
		withManager(t, fair)
		suspend(t, fair, 0)
		require.NoError(t, fair.Store.DeleteProduct(t.Context(), fair.Offerings[2].ProductID, market.AnyVersion, fair.Clock.Now()))
		verify(t, fair, 0)
		require.Equal(t, []string{"Product 1", "Product 2"}, onSale(t, fair))
		require.EqualValues(t, 7, fair.Available(t, 0))
		place(t, fair, markettest.Buyer(), fair.Want(7))
		requireClean(t, fair)
	})
}

func TestWhatAClosedDayOfASuspendedFarmSoldStaysListed(t *testing.T) {
	eachFair(t, []int64{9, 9}, func(t *testing.T, fair *markettest.Fair) {
		fair.Clock.Set(fair.Day.ClosesAt)
		upkeep(t, fair)
		withManager(t, fair)
		suspend(t, fair, 0)
		require.Equal(t, []string{"Product 1", "Product 2"}, onSale(t, fair))
	})
}

// TestNothingIsOfferedByAFarmThatIsSuspendedMeanwhile lets a farm offer its products while it is suspended, and a product be
// deleted while it is verified.
func TestNothingIsOfferedByAFarmThatIsSuspendedMeanwhile(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		withManager(t, fair)
		const rounds = 20
		products := moreProducts(t, fair, rounds)
		for _, product := range products {
			var group errgroup.Group
			group.Go(func() error {
				return fair.Store.SuspendFarm(ctx(), fair.Farms[0].ID, market.AnyVersion, fair.Clock.Now())
			})
			group.Go(func() error {
				_, err := fair.Plan.Offer(ctx(), fair.Manager, market.Offering{
					MarketDayID: fair.Day.ID, ProductID: product.ID, Price: product.Price, Quantity: 5,
				})
				return allow(err, market.ErrConflict)
			})
			require.NoError(t, group.Wait())
			require.Empty(t, onSale(t, fair))

			group = errgroup.Group{}
			group.Go(func() error {
				return fair.Store.VerifyFarm(ctx(), fair.Farms[0].ID, market.AnyVersion, fair.Manager, fair.Clock.Now())
			})
			group.Go(func() error {
				return fair.Store.DeleteProduct(ctx(), product.ID, market.AnyVersion, fair.Clock.Now())
			})
			require.NoError(t, group.Wait())
			require.Equal(t, []string{"Product 1"}, onSale(t, fair))
		}
	})
}

// moreProducts are of the first farm.
func moreProducts(t *testing.T, fair *markettest.Fair, n int) []market.Product {
	t.Helper()
	of, err := fair.Store.Product(t.Context(), fair.Offerings[0].ProductID)
	require.NoError(t, err)
	products := slices.Repeat([]market.Product{of}, n)
	for i := range products {
		products[i].ID, products[i].Name = uuid.NewString(), "Another"
	}
	_, err = fair.Store.SaveCatalogue(t.Context(), nil, products)
	require.NoError(t, err)
	return products
}

func TestWhoDoesNotRunTheMarketsJudgesNoFarm(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		producers := market.NewProducers(fair.Store, fair.Clock)
		_, err := producers.SuspendFarm(t.Context(), markettest.Buyer(), fair.Farms[0].ID, nil)
		require.ErrorIs(t, err, market.ErrForbidden)
		_, err = producers.VerifyFarm(t.Context(), markettest.Buyer(), fair.Farms[0].ID, nil)
		require.ErrorIs(t, err, market.ErrForbidden)
		require.Len(t, onSale(t, fair), 1)
	})
}
