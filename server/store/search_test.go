package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// search returns the names that are found, in their order, from all pages.
func search(t *testing.T, s *store.Store, query market.ProductQuery) (names []string) {
	t.Helper()
	found, _ := walk(t, 20, func(paging market.Paging) (market.Page[market.Product], error) {
		query.Paging = paging
		return market.NewCatalogue(s).Products(t.Context(), query)
	})
	for _, item := range found {
		names = append(names, item.Name)
	}
	return names
}

func TestAProductIsFoundByItsTextAsItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		farms, products := stock(t, s)
		change := func(write func() error) {
			t.Helper()
			require.NoError(t, write())
		}
		changed := products[3]
		changed.Name, changed.Version = "Sheep yoghurt", 2
		change(func() error { return s.UpdateProduct(t.Context(), changed) })
		require.Empty(t, search(t, s, market.ProductQuery{Search: "goat"}))
		require.Equal(t, []string{"Sheep yoghurt"}, search(t, s, market.ProductQuery{Search: "yoghurt hill"}))

		renamed := farms[1]
		renamed.Name, renamed.Version = "Quarry Lane", 2
		change(func() error { return s.UpdateFarm(t.Context(), renamed) })
		require.Empty(t, search(t, s, market.ProductQuery{Search: "hill"}))
		require.Equal(t, []string{"Cheese (50% fat)", "Crème fraîche", "Sheep yoghurt"}, search(t, s, market.ProductQuery{Search: "quarry"}))

		seeded := farms[1]
		seeded.Name = "Mountain Farm"
		change(func() error {
			_, err := s.SaveCatalogue(t.Context(), []market.Farm{seeded}, nil)
			return err
		})
		require.Len(t, search(t, s, market.ProductQuery{Search: "mountain"}), 3)

		added := product(7, farms[1], "Quark", market.Dairy, 250)
		added.FarmName = "" // whoever adds it need not know
		change(func() error { return s.CreateProduct(t.Context(), added) })
		require.Equal(t, []string{"Quark"}, search(t, s, market.ProductQuery{Search: "quark mountain"}))
		change(func() error { return s.DeleteProduct(t.Context(), added.ID, market.AnyVersion, day(9)) })
		require.Empty(t, search(t, s, market.ProductQuery{Search: "quark"}))
	})
}

func TestWordsOfOneOrTwoCharactersAreFoundWhereWordsBegin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seller := farm(1, "Hill", "")
		names := []string{"Free-range eggs (XL)", "Goat cheese", "Bio-Äpfel 5kg", "有機りんごJAM", "ข้าวหอม", "한라봉"}
		var products []market.Product
		for i, name := range names {
			products = append(products, product(i+1, seller, name, market.Fruit, 100))
			products[i].Description = ""
		}
		_, err := s.SaveCatalogue(t.Context(), []market.Farm{seller}, products)
		require.NoError(t, err)
		for word, want := range map[string][]string{
			"go": {names[1]}, "G": {names[1]}, "at": nil, "t": nil, "oat": {names[1]},
			"ra": {names[0]}, "fr ra": {names[0]}, "xl": {names[0]}, "x": {names[0]}, "ra go": nil,
			"äp": {names[2]}, "a": {names[2]}, "5": {names[2]}, "kg": nil, "5k": {names[2]},
			"りん": {names[3]}, "機": {names[3]}, "ご": {names[3]}, "j": nil, "ごJ": {names[3]}, "んごj": {names[3]}, "ごん": nil,
			"หอ": {names[4]}, "라봉": {names[5]}, "봉": {names[5]},
			"%": nil, "_": nil, "!": nil, `"`: nil, "'": nil, "(": {names[0]},
		} {
			require.Equal(t, want, search(t, s, market.ProductQuery{Search: word}), word)
		}
		farms, err := market.NewCatalogue(s).Farms(t.Context(), market.FarmQuery{Paging: market.Paging{Page: 1, Limit: 1}, Search: "hi"})
		require.NoError(t, err)
		require.Equal(t, 1, farms.Total)
	})
}

// TestSearchFindsWhatASimpleOneWould compares it with looking through everything, in a catalogue of which only a part is
// near: in the order of names, of prices and of age, from both ends.
func TestSearchFindsWhatASimpleOneWould(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s, 1500)
		everything := map[market.Sort][]market.Product{}
		for _, sort := range market.ProductSorts() {
			everything[sort], _ = walk(t, market.MaxLimit, func(paging market.Paging) (market.Page[market.Product], error) {
				return market.NewCatalogue(s).Products(t.Context(), market.ProductQuery{Paging: paging, Sort: sort})
			})
		}
		rapid.Check(t, func(r *rapid.T) {
			words := rapid.SliceOfN(rapid.SampledFrom([]string{
				"product", "field", "farm", "farm 4", "12", "149", "7", "duct 1", "m 1", "fi 33", "%", "_", "zz", "from the",
			}), 1, 2).Draw(r, "words")
			query := market.ProductQuery{
				Search: strings.Join(words, " "), Sort: rapid.SampledFrom(market.ProductSorts()).Draw(r, "sort"),
				Category: rapid.SampledFrom([]market.Category{"", market.Dairy}).Draw(r, "category"),
			}
			var want []string
			for _, p := range everything[query.Sort] {
				text, found := strings.ToLower(fmt.Sprintln(p.Name, p.Description, p.FarmName)), query.Category == "" || query.Category == p.Category
				for _, word := range strings.Fields(query.Search) {
					found = found && (strings.Contains(" "+text, " "+word) || len(word) > 2 && strings.Contains(text, word))
				}
				if found {
					want = append(want, p.Name)
				}
			}
			require.Equal(r, want, search(t, s, query), "%+v", query)
		})
	})
}
