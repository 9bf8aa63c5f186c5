package market_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
)

// recordingStore keeps the query that reached the store.
type recordingStore struct {
	market.CatalogueStore
	query market.ProductQuery
}

func (s *recordingStore) Products(_ context.Context, query market.ProductQuery) (market.Page[market.Product], error) {
	s.query = query
	return market.Page[market.Product]{Paging: query.Paging}, nil
}

func TestInvalidProductQueriesNeverReachTheStore(t *testing.T) {
	valid := market.Paging{Page: 1, Limit: 20}
	for name, test := range map[string]struct {
		query market.ProductQuery
		want  string
	}{
		"page 0":              {market.ProductQuery{Paging: market.Paging{Limit: 20}}, `page must be 1 to 10000, got "0"`},
		"a page too far":      {market.ProductQuery{Paging: market.Paging{Page: 10_001, Limit: 20}}, "page must be"},
		"limit 0":             {market.ProductQuery{Paging: market.Paging{Page: 1}}, `limit must be 1 to 100, got "0"`},
		"limit 101":           {market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 101}}, "limit must be"},
		"an unknown category": {market.ProductQuery{Paging: valid, Category: "fish"}, "category must be one of vegetables, fruit"},
		"an unknown sort":     {market.ProductQuery{Paging: valid, Sort: "id; DROP TABLE"}, "sort must be one of name, -name"},
		"a search with NUL":   {market.ProductQuery{Paging: valid, Search: "a\x00b"}, "q must be UTF-8 text"},
		"a search not UTF-8":  {market.ProductQuery{Paging: valid, Search: "\xff"}, "q must be UTF-8 text"},
		"a very long search":  {market.ProductQuery{Paging: valid, Search: strings.Repeat("ä", 101)}, "q must have at most 100"},
	} {
		t.Run(name, func(t *testing.T) {
			// A nil store would panic if it were asked.
			_, err := market.NewCatalogue(nil).Products(t.Context(), test.query)
			require.ErrorIs(t, err, market.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestProductQueriesAreNormalized(t *testing.T) {
	store := &recordingStore{}
	_, err := market.NewCatalogue(store).Products(t.Context(), market.ProductQuery{
		Paging: market.Paging{Page: 1, Limit: 20}, Search: "  kale ", FarmID: "0190C0DE-0000-7000-8000-000000000000",
	})
	require.NoError(t, err)
	require.Equal(t, market.SortName, store.query.Sort)
	require.Equal(t, "kale", store.query.Search)
	require.Equal(t, "0190c0de-0000-7000-8000-000000000000", store.query.FarmID)
}

func TestPagesRoundUp(t *testing.T) {
	for name, test := range map[string]struct{ total, limit, want int }{
		"nothing has no pages":        {0, 20, 0},
		"one item has one page":       {1, 20, 1},
		"a full page is one page":     {20, 20, 1},
		"one more item is a new page": {21, 20, 2},
	} {
		t.Run(name, func(t *testing.T) {
			page := market.Page[market.Product]{Paging: market.Paging{Page: 1, Limit: test.limit}, Extent: market.Extent{Total: test.total}}
			require.Equal(t, test.want, page.Pages())
		})
	}
}
