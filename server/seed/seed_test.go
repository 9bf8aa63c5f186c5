package seed_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestTheCatalogueCouldBeARealMarkets(t *testing.T) {
	catalogue, err := seed.Read()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(catalogue.Farms), 24)
	require.GreaterOrEqual(t, len(catalogue.Products), 240)

	products := map[string]int{}
	categories := map[market.Category]int{}
	ids, names := map[string]bool{}, map[string]bool{}
	for _, product := range catalogue.Products {
		at := product.FarmName + ": " + product.Name
		products[product.FarmID]++
		categories[product.Category]++
		require.False(t, ids[product.ID], "%s: id %s twice", at, product.ID)
		require.False(t, names[at], "%s: twice", at)
		ids[product.ID], names[at] = true, true
		requireText(t, at, product.Name, 3, 60)
		requireText(t, at, product.Description, 20, 200)
		require.True(t, product.Season.Valid(), at)
		require.Positive(t, product.Unit.Size, at)
		require.Equal(t, market.EUR, product.Price.Currency, at)
		require.GreaterOrEqual(t, product.Price.Amount, int64(100), "%s: cheaper than a euro", at)
		require.LessOrEqual(t, product.Price.Amount, int64(10_000), "%s: dearer than 100 euros", at)
	}
	for _, farm := range catalogue.Farms {
		require.False(t, ids[farm.ID], "%s: id %s twice", farm.Name, farm.ID)
		ids[farm.ID] = true
		requireText(t, farm.Name, farm.Name, 3, 60)
		requireText(t, farm.Name, farm.Description, 40, 300)
		requireText(t, farm.Name, farm.Place, 3, 60)
		requireText(t, farm.Name, farm.Region, 3, 60)
		require.Regexp(t, "^[A-Z]{2}$", farm.Country, farm.Name)
		require.GreaterOrEqual(t, products[farm.ID], 5, "%s sells almost nothing", farm.Name)
	}
	for _, category := range market.Categories() {
		require.GreaterOrEqual(t, categories[category], 5, "hardly any %s", category)
	}
	for month := time.January; month <= time.December; month++ {
		onSale := 0
		for _, product := range catalogue.Products {
			if product.Season.Includes(month) {
				onSale++
			}
		}
		require.GreaterOrEqual(t, onSale, 100, "the market is empty in %s", month)
	}
}

func requireText(t *testing.T, at, text string, shortest, longest int) {
	t.Helper()
	require.Equal(t, strings.TrimSpace(text), text, at)
	require.GreaterOrEqual(t, len([]rune(text)), shortest, "%s: %q is too short", at, text)
	require.LessOrEqual(t, len([]rune(text)), longest, "%s: %q is too long", at, text)
	for _, filler := range []string{"lorem", "ipsum", "todo", "placeholder"} {
		require.NotContains(t, strings.ToLower(text), filler, at)
	}
}

func TestIdsStayTheSame(t *testing.T) {
	catalogue, err := seed.Read()
	require.NoError(t, err)
	// Clients may have kept these.
	require.Equal(t, "Ballyvara Organics", catalogue.Farms[0].Name)
	require.Equal(t, "d090d5d3-d076-5c12-ac96-1ee853d41c20", catalogue.Farms[0].ID)
	require.Equal(t, "Baby spinach", catalogue.Products[0].Name)
	require.Equal(t, "a5e92a9c-f5f9-5950-9dd9-c2e2fad539dc", catalogue.Products[0].ID)
}

func TestASecondLoadWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		catalogue, err := seed.Read()
		require.NoError(t, err)
		all := store.Saved{Farms: len(catalogue.Farms), Products: len(catalogue.Products)}

		first, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, all, first)

		second, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, store.Saved{}, second)

		page, err := market.NewCatalogue(s).Products(t.Context(), market.ProductQuery{Paging: market.Paging{Page: 1, Limit: 100}})
		require.NoError(t, err)
		require.Equal(t, all.Products, page.Total)
	})
}

func TestTheFarmsMaySellAndNobodyCanLogInAsTheirOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		page, err := market.NewCatalogue(s).Farms(t.Context(), market.FarmQuery{Paging: market.Paging{Page: 1, Limit: 100}})
		require.NoError(t, err)
		for _, farm := range page.Items {
			require.True(t, farm.Verified, farm.Name)
			require.Equal(t, seed.Owner().ID, farm.OwnerID, farm.Name)
		}
		credentials, err := s.Credentials(t.Context(), seed.Owner().ID)
		require.NoError(t, err)
		require.Empty(t, credentials.PasswordHash)
		normalized, err := market.NormalizeEmail(credentials.Account.Email)
		require.NoError(t, err)
		require.Equal(t, credentials.Account.Email, normalized)
	})
}

func TestFarmsFromBeforeThereWereAccountsGetTheirOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		_, err = s.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = NULL, verified_at = NULL")
		require.NoError(t, err)
		saved, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, store.Saved{Farms: 25}, saved)
		page, err := market.NewCatalogue(s).Farms(t.Context(), market.FarmQuery{Paging: market.Paging{Page: 1, Limit: 1}})
		require.NoError(t, err)
		require.True(t, page.Items[0].Verified)
		require.Equal(t, seed.Owner().ID, page.Items[0].OwnerID)
	})
}

func TestALoadRepairsWhatWasChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		_, err = s.DB().ExecContext(t.Context(), "UPDATE products SET price_amount = 1 WHERE name IN ('Radishes', 'Mint')")
		require.NoError(t, err)
		saved, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, store.Saved{Products: 2}, saved)
	})
}

func TestAFileThatIsWrongSaysEverythingThatIs(t *testing.T) {
	farm := "name: A\nplace: B\nregion: C\ncountry: IE\njoined: 2026-03-14\ndescription: D\n"
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"a misspelt key": {farm + "prodcuts: {}\n", []string{"farms/a.yaml", "prodcuts"}},
		"no date":        {"name: A\njoined: soon\n", []string{`joined must be a date like 2026-03-14, got "soon"`}},
		"a product twice": {
			farm + "products:\n  peas: {name: Peas}\n  peas: {name: Peas}\n", []string{"peas"},
		},
		"a product all wrong": {
			farm + "products:\n  peas: {category: tins, unit: tin, price: 0, season: Sommer}\n",
			[]string{"product peas: category must be", "unit must be", "price must be more than 0", "season must be"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seed.ReadFS(fstest.MapFS{"farms/a.yaml": {Data: []byte(test.content)}})
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestUnitsAreReadFromTheirLabels(t *testing.T) {
	for label, want := range map[string]market.Unit{
		"500 g":     {Kind: market.Weight, Size: 500},
		"1.5 kg":    {Kind: market.Weight, Size: 1500},
		"340 g jar": {Kind: market.Weight, Size: 340},
		"37.5 cl":   {Kind: market.Volume, Size: 375},
		"1 l":       {Kind: market.Volume, Size: 1000},
		"6 pieces":  {Kind: market.Item, Size: 6},
		"bunch":     {Kind: market.Item, Size: 1},
	} {
		t.Run(label, func(t *testing.T) {
			want.Label = label
			unit, err := seed.ParseUnit(label)
			require.NoError(t, err)
			require.Equal(t, want, unit)
		})
	}
	for _, label := range []string{"", "0 g", "1.5 g", "1,5 kg", "some", "2 stone", "-1 kg", "99999 kg"} {
		t.Run("refused: "+label, func(t *testing.T) {
			_, err := seed.ParseUnit(label)
			require.ErrorContains(t, err, "unit must be")
		})
	}
}

func TestSeasonsAreReadFromMonths(t *testing.T) {
	for text, want := range map[string]market.Season{
		"all year": market.AllYear,
		"Jul":      market.SeasonBetween(time.July, time.July),
		"Nov-Feb":  market.SeasonBetween(time.November, time.February),
	} {
		t.Run(text, func(t *testing.T) {
			season, err := seed.ParseSeason(text)
			require.NoError(t, err)
			require.Equal(t, want, season)
		})
	}
	for _, text := range []string{"", "summer", "Jul-", "Jul-Aug-Sep", "7-8"} {
		t.Run("refused: "+text, func(t *testing.T) {
			_, err := seed.ParseSeason(text)
			require.ErrorContains(t, err, "season must be")
		})
	}
}
