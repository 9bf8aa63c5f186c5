package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestOfferingsAreListedByTheNamesThatTheirProductsHaveNow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fair := markettest.NewFair(t, s, 5, 5, 5)
		listed := func() (names []string) {
			t.Helper()
			for query := (market.OfferingQuery{Paging: market.Paging{Page: 1, Limit: 1}, MarketDayID: fair.Day.ID}); ; {
				page, err := fair.Plan.Offerings(t.Context(), query)
				require.NoError(t, err)
				for _, offering := range page.Items {
					names = append(names, offering.Name)
				}
				if query.Cursor = page.Next; page.Next == "" {
					return names
				}
			}
		}
		require.Equal(t, []string{"Product 1", "Product 2", "Product 3"}, listed())

		renamed, err := s.Product(t.Context(), fair.Offerings[0].ProductID)
		require.NoError(t, err)
		renamed.Name, renamed.Version = "Zwetschgen", renamed.Version+1
		require.NoError(t, s.UpdateProduct(t.Context(), renamed))
		require.Equal(t, []string{"Product 2", "Product 3", "Zwetschgen"}, listed())

		renamed.Name = "Äpfel"
		_, err = s.SaveCatalogue(t.Context(), nil, []market.Product{renamed})
		require.NoError(t, err)
		require.Equal(t, []string{"Äpfel", "Product 2", "Product 3"}, listed())
	})
}
