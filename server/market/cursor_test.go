package market_test

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/market"
)

// endingStore ends every page at the position, and keeps the query.
type endingStore struct {
	market.CatalogueStore
	end   market.Position
	query market.ProductQuery
}

func (s *endingStore) Products(_ context.Context, query market.ProductQuery) (market.Page[market.Product], error) {
	s.query = query
	return market.Page[market.Product]{Paging: query.Paging, Extent: market.Extent{End: s.end}}, nil
}

func (s *endingStore) Farms(_ context.Context, query market.FarmQuery) (market.Page[market.Farm], error) {
	return market.Page[market.Farm]{Paging: query.Paging, Extent: market.Extent{End: s.end}}, nil
}

func TestACursorLeadsToWhereItsPageEnded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end := market.Position{
			Key:    rapid.StringMatching(`[^\x00]*`).Draw(t, "key"),
			ID:     rapid.StringMatching(`[0-9a-f-]{36}`).Draw(t, "id"),
			Before: rapid.IntRange(1, 1<<30).Draw(t, "before"),
			Total:  rapid.IntRange(0, 1<<30).Draw(t, "total"), AtLeast: rapid.Bool().Draw(t, "at least"),
		}
		query := market.ProductQuery{
			Paging: market.Paging{Page: 1, Limit: 20}, Search: rapid.StringMatching(`[a-zé]{0,9}`).Draw(t, "search"),
			Sort: rapid.SampledFrom(market.ProductSorts()).Draw(t, "sort"),
		}
		store := &endingStore{end: end}
		page, err := market.NewCatalogue(store).Products(context.Background(), query)
		require.NoError(t, err)
		query.Cursor, query.Limit = page.Next, 50
		_, err = market.NewCatalogue(store).Products(context.Background(), query)
		require.NoError(t, err)
		require.Equal(t, end, store.query.After)
	})
}

func TestACursorThatIsNotOfThisListIsRefused(t *testing.T) {
	store := &endingStore{end: market.Position{Key: "kale", ID: "0190c0de-0000-7000-8000-000000000000", Before: 20}}
	catalogue := market.NewCatalogue(store)
	given, err := catalogue.Products(t.Context(), market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 20}, Category: market.Dairy})
	require.NoError(t, err)
	cursor := given.Next
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	raw[len(raw)-1] ^= 1
	const altered, foreign = "cursor must be pagination.next of an answer, unaltered", "cursor must be used with the filters and the order"
	for name, test := range map[string]struct {
		change func(q *market.ProductQuery)
		want   string
	}{
		"nonsense":            {func(q *market.ProductQuery) { q.Cursor = "nonsense" }, altered},
		"not base64":          {func(q *market.ProductQuery) { q.Cursor = "ö" }, altered},
		"cut short":           {func(q *market.ProductQuery) { q.Cursor = cursor[:len(cursor)-4] }, altered},
		"a letter changed":    {func(q *market.ProductQuery) { q.Cursor = base64.RawURLEncoding.EncodeToString(raw) }, altered},
		"twice":               {func(q *market.ProductQuery) { q.Cursor += cursor }, altered},
		"of another order":    {func(q *market.ProductQuery) { q.Sort = market.SortPrice }, foreign},
		"of another category": {func(q *market.ProductQuery) { q.Category = market.Eggs }, foreign},
		"of another search":   {func(q *market.ProductQuery) { q.Search = "kale" }, foreign},
		"and a page":          {func(q *market.ProductQuery) { q.Page = 2 }, "page must be left out where there is a cursor"},
	} {
		t.Run(name, func(t *testing.T) {
			query := market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 20, Cursor: cursor}, Category: market.Dairy}
			test.change(&query)
			_, err := catalogue.Products(t.Context(), query)
			require.ErrorIs(t, err, market.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
	farms, err := catalogue.Farms(t.Context(), market.FarmQuery{Paging: market.Paging{Page: 1, Limit: 20}})
	require.NoError(t, err)
	_, err = catalogue.Products(t.Context(), market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 20, Cursor: farms.Next}})
	require.ErrorContains(t, err, foreign)
}

func TestPagesByNumberEndWhereSkippingGetsDear(t *testing.T) {
	for name, test := range map[string]struct {
		page, limit int
		want        string
	}{
		"the last of 20":    {500, 20, ""},
		"behind it":         {501, 20, "page must be 1 to 500 with a limit of 20; to go on from there, give pagination.next of an answer as cursor"},
		"the last of 3":     {3334, 3, ""},
		"behind that":       {3335, 3, "page must be 1 to 3334 with a limit of 3"},
		"behind every page": {10_001, 1, "page must be 1 to 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			query := market.ProductQuery{Paging: market.Paging{Page: test.page, Limit: test.limit}}
			_, err := market.NewCatalogue(&endingStore{}).Products(t.Context(), query)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, market.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestThePageBehindACursorCountsWhatWasBefore(t *testing.T) {
	page := market.Page[market.Product]{Paging: market.Paging{Page: 1, Limit: 20, After: market.Position{ID: "x", Before: 40}}}
	require.Equal(t, 3, page.Number())
}
