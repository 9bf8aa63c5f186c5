package market_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
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
	rapid.Check(t, func(r *rapid.T) {
		end := market.Position{
			Key:    rapid.StringMatching(`[^\x00]*`).Draw(r, "key"),
			ID:     rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).Draw(r, "id"),
			Before: rapid.IntRange(1, 1e9).Draw(r, "before"),
			Total:  rapid.IntRange(0, 1e9).Draw(r, "total"), AtLeast: rapid.Bool().Draw(r, "at least"),
		}
		query := market.ProductQuery{
			Paging: market.Paging{Page: 1, Limit: 20}, Search: rapid.StringMatching(`[a-zé]{0,9}`).Draw(r, "search"),
			Sort: rapid.SampledFrom(market.ProductSorts()).Draw(r, "sort"),
		}
		store := &endingStore{end: end}
		page, err := market.NewCatalogue(store).Products(t.Context(), query)
		require.NoError(r, err)
		query.Cursor, query.Limit = page.Next, 50
		_, err = market.NewCatalogue(store).Products(t.Context(), query)
		require.NoError(r, err)
		require.Equal(r, end, store.query.After)
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

// forge makes a cursor that says this, for the list that the cursor is of, as anybody can.
func forge(t *testing.T, cursor string, parts ...string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	const digest = 6
	position := strings.Join(parts, "\x00")
	own := sha256.Sum256([]byte(strconv.Itoa(len(position)) + ":" + position))
	return base64.RawURLEncoding.EncodeToString(slices.Concat(own[:digest], raw[digest:2*digest], []byte(position)))
}

func TestACursorThatIsMadeUpSaysNothingThatCannotBe(t *testing.T) {
	const id = "0190c0de-0000-7000-8000-000000000000"
	catalogue := market.NewCatalogue(&endingStore{end: market.Position{Key: "kale", ID: id, Before: 20}})
	given, err := catalogue.Products(t.Context(), market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 20}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		says  []string // before, total, at least, id, key
		taken bool
	}{
		"what an answer says":        {[]string{"20", "247", "false", id, "kale"}, true},
		"the start of the list":      {[]string{"0", "247", "false", id, "kale"}, false},
		"items before the start":     {[]string{"-9223372036854775808", "247", "false", id, "kale"}, false},
		"more items than there are":  {[]string{"9223372036854775807", "247", "false", id, "kale"}, false},
		"items without a number":     {[]string{"many", "247", "false", id, "kale"}, false},
		"a total below nothing":      {[]string{"20", "-1", "false", id, "kale"}, false},
		"a total that nobody counts": {[]string{"20", "1000000001", "true", id, "kale"}, false},
		"a total that may be so":     {[]string{"20", "247", "perhaps", id, "kale"}, false},
		"no id":                      {[]string{"20", "247", "false", "", "kale"}, false},
		"an id that is none":         {[]string{"20", "247", "false", "kale", "kale"}, false},
		"a key that is not UTF-8":    {[]string{"20", "247", "false", id, "\xff\xfe"}, false},
		"too little":                 {[]string{"20", "247", "false", id}, false},
		"too much":                   {[]string{"20", "247", "false", id, "kale", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalogue.Products(t.Context(), market.ProductQuery{
				Paging: market.Paging{Page: 1, Limit: 20, Cursor: forge(t, given.Next, c.says...)},
			})
			if c.taken {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "cursor must be pagination.next of an answer, unaltered")
			require.ErrorIs(t, err, market.ErrInvalid)
		})
	}
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
