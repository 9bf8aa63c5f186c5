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

// id makes ids whose order is that of their numbers.
func id(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

func day(n int) time.Time { return time.Date(2026, time.March, n, 8, 0, 0, 123456000, time.UTC) }

func farm(n int, name, description string) market.Farm {
	return market.Farm{
		ID: id(n), Name: name, Description: description, Place: "Ballyvara", Region: "County Wicklow", Country: "IE",
		Verified: true, VerifiedAt: day(n), Version: 1, CreatedAt: day(n), UpdatedAt: day(n),
	}
}

func product(n int, of market.Farm, name string, category market.Category, cents int64) market.Product {
	return market.Product{
		ID: id(n), FarmID: of.ID, FarmName: of.Name, Name: name, Description: "From the field.", Category: category,
		Unit:      market.Unit{Kind: market.Weight, Size: 500, Label: "500 g"},
		Price:     market.Money{Amount: cents, Currency: market.EUR},
		Season:    market.SeasonBetween(time.November, time.February),
		Version:   1,
		CreatedAt: day(n), UpdatedAt: day(n),
	}
}

// stock fills the store with two farms and six products.
func stock(t *testing.T, s *store.Store) ([]market.Farm, []market.Product) {
	t.Helper()
	farms := []market.Farm{farm(1, "Ölmühle 100% Natur", "Presses oil."), farm(2, "Hill Farm", "Sheep_and goats!")}
	products := []market.Product{
		product(1, farms[0], "Rapeseed oil", market.Preserves, 690),
		product(2, farms[0], "äpfel", market.Fruit, 340),
		product(3, farms[0], "Apfelsaft", market.Drinks, 450),
		product(4, farms[1], "Goat cheese", market.Dairy, 690),
		product(5, farms[1], "Crème fraîche", market.Dairy, 330),
		product(6, farms[1], "Cheese (50% fat)", market.Dairy, 500),
	}
	saved, err := s.SaveCatalogue(t.Context(), farms, products)
	require.NoError(t, err)
	require.Equal(t, store.Saved{Farms: 2, Products: 6}, saved)
	return farms, products
}

func TestWhatIsSavedIsReadBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		farms, products := stock(t, s)
		gotFarm, err := s.Farm(t.Context(), farms[0].ID)
		require.NoError(t, err)
		require.Equal(t, farms[0], gotFarm)
		gotProduct, err := s.Product(t.Context(), products[4].ID)
		require.NoError(t, err)
		require.Equal(t, products[4], gotProduct)
	})
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		missing := uuid.NewString()
		_, err := s.Farm(t.Context(), missing)
		require.ErrorIs(t, err, market.ErrNotFound)
		require.ErrorContains(t, err, "farm "+missing)
		_, err = s.Product(t.Context(), missing)
		require.ErrorIs(t, err, market.ErrNotFound)
		require.ErrorContains(t, err, "product "+missing)
	})
}

func TestProductsArePicked(t *testing.T) {
	tests := map[string]struct {
		query market.ProductQuery
		want  []string
	}{
		"all, by name without regard to case and accents": {
			market.ProductQuery{}, []string{"äpfel", "Apfelsaft", "Cheese (50% fat)", "Crème fraîche", "Goat cheese", "Rapeseed oil"},
		},
		"by name, last first": {
			market.ProductQuery{Sort: market.SortNameDesc},
			[]string{"Rapeseed oil", "Goat cheese", "Crème fraîche", "Cheese (50% fat)", "Apfelsaft", "äpfel"},
		},
		"by price, and by id where it is equal": {
			market.ProductQuery{Sort: market.SortPrice},
			[]string{"Crème fraîche", "äpfel", "Apfelsaft", "Cheese (50% fat)", "Rapeseed oil", "Goat cheese"},
		},
		"by price, dearest first": {
			market.ProductQuery{Sort: market.SortPriceDesc},
			[]string{"Goat cheese", "Rapeseed oil", "Cheese (50% fat)", "Apfelsaft", "äpfel", "Crème fraîche"},
		},
		"newest first": {
			market.ProductQuery{Sort: market.SortNewest},
			[]string{"Cheese (50% fat)", "Crème fraîche", "Goat cheese", "Apfelsaft", "äpfel", "Rapeseed oil"},
		},
		"of a category":            {market.ProductQuery{Category: market.Fruit}, []string{"äpfel"}},
		"of a farm":                {market.ProductQuery{FarmID: id(1)}, []string{"äpfel", "Apfelsaft", "Rapeseed oil"}},
		"of a farm and category":   {market.ProductQuery{FarmID: id(2), Category: market.Fruit}, nil},
		"of a farm that is not":    {market.ProductQuery{FarmID: id(3)}, nil},
		"a word of the name":       {market.ProductQuery{Search: "CHEESE"}, []string{"Cheese (50% fat)", "Goat cheese"}},
		"two words, any order":     {market.ProductQuery{Search: "cheese goat"}, []string{"Goat cheese"}},
		"accents left out":         {market.ProductQuery{Search: "creme fraiche"}, []string{"Crème fraîche"}},
		"accents put in":           {market.ProductQuery{Search: "ÄPFEL"}, []string{"äpfel", "Apfelsaft"}},
		"a word of the farm":       {market.ProductQuery{Search: "olmuhle"}, []string{"äpfel", "Apfelsaft", "Rapeseed oil"}},
		"one of each":              {market.ProductQuery{Search: "ölmühle oil"}, []string{"Rapeseed oil"}},
		"a word of description":    {market.ProductQuery{Search: "field", Category: market.Drinks}, []string{"Apfelsaft"}},
		"a percent sign as itself": {market.ProductQuery{Search: "50%", FarmID: id(2)}, []string{"Cheese (50% fat)"}},
		"an underscore as itself":  {market.ProductQuery{Search: "g_at"}, nil},
		"a quote as itself":        {market.ProductQuery{Search: "' OR '1'='1"}, nil},
		"a backslash as itself":    {market.ProductQuery{Search: `\`}, nil},
		"the escape as itself":     {market.ProductQuery{Search: "!"}, nil},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		stock(t, s)
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				test.query.Paging = market.Paging{Page: 1, Limit: 20}
				page, err := market.NewCatalogue(s).Products(t.Context(), test.query)
				require.NoError(t, err)
				var names []string
				for _, item := range page.Items {
					names = append(names, item.Name)
				}
				require.Equal(t, test.want, names)
				require.Equal(t, len(test.want), page.Total)
			})
		}
	})
}

func TestPagesTogetherAreTheList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		stock(t, s)
		catalogue := market.NewCatalogue(s)
		for _, sort := range market.ProductSorts() {
			for limit := 1; limit <= 7; limit++ {
				seen := map[string]bool{}
				for number := 1; number <= 7; number++ {
					page, err := catalogue.Products(t.Context(), market.ProductQuery{
						Paging: market.Paging{Page: number, Limit: limit}, Sort: sort,
					})
					require.NoError(t, err)
					require.Equal(t, 6, page.Total, "sort %s, limit %d, page %d", sort, limit, number)
					for _, item := range page.Items {
						require.False(t, seen[item.ID], "sort %s, limit %d: %s twice", sort, limit, item.Name)
						seen[item.ID] = true
					}
				}
				require.Len(t, seen, 6)
			}
		}
	})
}

func TestFarmsArePicked(t *testing.T) {
	tests := map[string]struct {
		query market.FarmQuery
		want  []string
	}{
		"all, by name":          {market.FarmQuery{}, []string{"Hill Farm", "Ölmühle 100% Natur"}},
		"last first":            {market.FarmQuery{Sort: market.SortNameDesc}, []string{"Ölmühle 100% Natur", "Hill Farm"}},
		"newest first":          {market.FarmQuery{Sort: market.SortNewest}, []string{"Hill Farm", "Ölmühle 100% Natur"}},
		"a word of the name":    {market.FarmQuery{Search: "hill"}, []string{"Hill Farm"}},
		"a word of description": {market.FarmQuery{Search: "SHEEP_AND"}, []string{"Hill Farm"}},
		"the place":             {market.FarmQuery{Search: "ballyvara natur"}, []string{"Ölmühle 100% Natur"}},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		stock(t, s)
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				test.query.Paging = market.Paging{Page: 1, Limit: 20}
				page, err := market.NewCatalogue(s).Farms(t.Context(), test.query)
				require.NoError(t, err)
				var names []string
				for _, item := range page.Items {
					names = append(names, item.Name)
				}
				require.Equal(t, test.want, names)
				require.Equal(t, len(test.want), page.Total)
			})
		}
	})
}

func TestSavingAgainWritesOnlyWhatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		farms, products := stock(t, s)
		farms[1].Name, farms[1].UpdatedAt = "Mountain Farm", day(20)
		products[0].Price.Amount, products[0].UpdatedAt, products[0].CreatedAt = 700, day(20), day(20)
		for i := 1; i < len(products); i++ {
			products[i].UpdatedAt = day(20)
		}
		saved, err := s.SaveCatalogue(t.Context(), farms, products)
		require.NoError(t, err)
		require.Equal(t, store.Saved{Farms: 1, Products: 1}, saved)

		changed, err := s.Product(t.Context(), products[0].ID)
		require.NoError(t, err)
		require.Equal(t, int64(700), changed.Price.Amount)
		require.Equal(t, day(1), changed.CreatedAt)
		require.Equal(t, day(20), changed.UpdatedAt)

		same, err := s.Product(t.Context(), products[4].ID)
		require.NoError(t, err)
		require.Equal(t, day(5), same.UpdatedAt)
		require.Equal(t, "Mountain Farm", same.FarmName)
	})
}

func TestASaveThatFailsSavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		known := farm(1, "Hill Farm", "Sheep.")
		for name, wrong := range map[string]market.Product{
			"of a farm that is not": product(1, farm(2, "Other", ""), "Oil", market.Preserves, 690),
			"free of charge":        product(1, known, "Oil", market.Preserves, 0),
			"without a name":        product(1, known, "", market.Preserves, 690),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.SaveCatalogue(t.Context(), []market.Farm{known}, []market.Product{wrong})
				require.ErrorContains(t, err, "save the catalogue: products")
				require.NotErrorIs(t, err, market.ErrUnavailable)
				_, err = s.Farm(t.Context(), known.ID)
				require.ErrorIs(t, err, market.ErrNotFound)
			})
		}
	})
}
