package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// alike are products of which many have the same name, price and time, so that only their ids put them in order.
func alike(t *testing.T, s *store.Store, products int) market.Farm {
	t.Helper()
	seller := farm(1, "Hill Farm", "On the hill.")
	var stock []market.Product
	for n := range products {
		item := product(n, seller, fmt.Sprintf("Kale %d", n%3), market.Categories()[n%2], int64(100+n%4))
		item.CreatedAt = day(1).Add(time.Duration(n%5) * time.Second / 4)
		stock = append(stock, item)
	}
	_, err := s.SaveCatalogue(t.Context(), []market.Farm{seller}, stock)
	require.NoError(t, err)
	return seller
}

// walk follows the cursors from the first page to the last.
func walk[T any](t *testing.T, limit int, page func(market.Paging) (market.Page[T], error)) (items []T, last market.Page[T]) {
	t.Helper()
	paging := market.Paging{Page: 1, Limit: limit}
	for number := 1; ; number++ {
		got, err := page(paging)
		require.NoError(t, err)
		require.Equal(t, number, got.Number())
		items = append(items, got.Items...)
		if got.Next == "" {
			return items, got
		}
		require.Len(t, got.Items, limit)
		paging.Cursor = got.Next
	}
}

func TestCursorsWalkTheWholeListInItsOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seller := alike(t, s, 47)
		catalogue := market.NewCatalogue(s)
		for name, query := range map[string]market.ProductQuery{
			"all": {}, "of a category": {Category: market.Vegetables}, "of a farm": {FarmID: seller.ID}, "searched": {Search: "kale hill"},
		} {
			for _, sort := range market.ProductSorts() {
				t.Run(name+" by "+string(sort), func(t *testing.T) {
					query.Sort, query.Paging = sort, market.Paging{Page: 1, Limit: market.MaxLimit}
					whole, err := catalogue.Products(t.Context(), query)
					require.NoError(t, err)
					require.Empty(t, whole.Next)
					for _, limit := range []int{1, 7, 23, 24, 47, 48} {
						items, last := walk(t, limit, func(paging market.Paging) (market.Page[market.Product], error) {
							query.Paging = paging
							return catalogue.Products(t.Context(), query)
						})
						require.Equal(t, whole.Items, items, "limit %d", limit)
						require.Equal(t, len(items), last.Total)
						require.False(t, last.AtLeast)
					}
				})
			}
		}
	})
}

func TestAWalkShowsNothingTwiceWhileTheListGrows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seller := alike(t, s, 20)
		catalogue, seen, added := market.NewCatalogue(s), map[string]bool{}, 0
		items, _ := walk(t, 4, func(paging market.Paging) (market.Page[market.Product], error) {
			page, err := catalogue.Products(t.Context(), market.ProductQuery{Paging: paging})
			require.NoError(t, err)
			added++
			return page, s.CreateProduct(t.Context(), product(100+added, seller, "Aubergine", market.Vegetables, 100))
		})
		for _, item := range items {
			require.False(t, seen[item.ID], item.Name)
			seen[item.ID] = true
		}
		require.Len(t, seen, 20)
	})
}

func TestEveryListCanBeWalked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const items = 5
		var farms []market.Farm
		for n := range items {
			farms = append(farms, farm(n, fmt.Sprintf("Farm %d", n%2), "On the hill."))
			created, err := s.CreateAccount(t.Context(), market.Account{
				ID: uuid.NewString(), Email: fmt.Sprintf("nora%d@example.org", n), Name: "Nora", Role: market.Customer, CreatedAt: day(1 + n%2), UpdatedAt: day(1),
			}, "hash")
			require.NoError(t, err)
			require.True(t, created)
		}
		_, err := s.SaveCatalogue(t.Context(), farms, nil)
		require.NoError(t, err)
		found, _ := walk(t, 2, func(paging market.Paging) (market.Page[market.Farm], error) {
			return market.NewCatalogue(s).Farms(t.Context(), market.FarmQuery{Paging: paging, Sort: market.SortNewest})
		})
		require.Len(t, found, items)
		found, _ = walk(t, 2, func(paging market.Paging) (market.Page[market.Farm], error) {
			return market.NewCatalogue(s).Farms(t.Context(), market.FarmQuery{Paging: paging, Search: "farm hill"})
		})
		require.Len(t, found, items)
		accounts, _ := walk(t, 2, func(paging market.Paging) (market.Page[market.Account], error) {
			return market.NewAccounts(s, market.SystemClock{}).List(t.Context(), market.AccountQuery{Paging: paging})
		})
		require.Len(t, accounts, items)
	})
}

func TestACursorWithAKeyThatNoRowHasIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for name, c := range map[string]struct {
			sort  market.Sort
			key   string
			taken bool
		}{
			"a time":                             {market.SortNewest, "2026-05-01T08:00:00.000001Z", true},
			"no time":                            {market.SortNewest, "yesterday", false},
			"a time in the year 0":               {market.SortNewest, "0000-01-01T00:00:00Z", false},
			"a time before the year 1, in UTC":   {market.SortNewest, "0001-01-01T00:00:00+14:00", false},
			"a time after the year 9999, in UTC": {market.SortNewest, "9999-12-31T23:59:59-14:00", false},
			"a price":                            {market.SortPrice, "-9223372036854775808", true},
			"a price beyond 64 bits":             {market.SortPrice, "9223372036854775808", false},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.Products(t.Context(), market.ProductQuery{Sort: c.sort, Paging: market.Paging{
					Page: 1, Limit: 20, After: market.Position{Key: c.key, ID: id(7), Before: 20},
				}})
				if c.taken {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, market.ErrInvalid)
			})
		}
	})
}

func TestALongListIsCountedInPart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s, market.MaxCount+100)
		for name, test := range map[string]struct {
			query   market.ProductQuery
			total   int
			atLeast bool
		}{
			"all":                          {market.ProductQuery{}, market.MaxCount, true},
			"behind what is counted":       {market.ProductQuery{Paging: market.Paging{Page: 29}}, 580, true},
			"its last page":                {market.ProductQuery{Paging: market.Paging{Page: 30}}, 600, false},
			"of a farm, of which are less": {market.ProductQuery{FarmID: id(7)}, 12, false},
			"a common word":                {market.ProductQuery{Search: "field"}, 300, true},
			"a rare word":                  {market.ProductQuery{Search: "534"}, 1, false},
		} {
			t.Run(name, func(t *testing.T) {
				test.query.Limit, test.query.Page = 20, max(1, test.query.Page)
				page, err := market.NewCatalogue(s).Products(t.Context(), test.query)
				require.NoError(t, err)
				require.Equal(t, test.total, page.Total)
				require.Equal(t, test.atLeast, page.AtLeast)
			})
		}
	})
}
