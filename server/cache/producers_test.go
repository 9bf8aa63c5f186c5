package cache_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// Every write there is, on real databases: what the cache answers afterwards is what the database answers.
func TestAfterEveryWriteTheCacheAnswersAsTheDatabaseDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, err := cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: redistest.Telemetry(t, io.Discard)})
		require.NoError(t, err)
		catalogue, producers := cache.NewCatalogue(c, s), cache.NewProducers(c, s)
		now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		farm := market.Farm{ID: uuid.NewString(), Name: "Hill Farm", Place: "Hill", Country: "IE", Version: 1, CreatedAt: now, UpdatedAt: now}
		product := market.Product{
			ID: uuid.NewString(), FarmID: farm.ID, FarmName: farm.Name, Name: "Carrots", Category: market.Vegetables, Season: 1, Version: 1,
			Unit:  market.Unit{Kind: market.Item, Size: 1, Label: "bunch"},
			Price: market.Money{Amount: 250, Currency: "EUR"}, CreatedAt: now, UpdatedAt: now,
		}
		manager, err := market.NewAccount(uuid.NewString(), "mary@example.org", "Mary", market.MarketManager, now)
		require.NoError(t, err)
		_, err = s.CreateAccount(t.Context(), manager, "")
		require.NoError(t, err)
		renamedFarm, dearer := farm, product
		renamedFarm.Name, renamedFarm.Version, dearer.Price.Amount, dearer.Version = "Dale Farm", 2, 300, 2
		for _, write := range []struct {
			name string
			do   func(ctx context.Context) error
		}{
			{"a new farm", func(ctx context.Context) error { return producers.CreateFarm(ctx, farm) }},
			{"a new product", func(ctx context.Context) error { return producers.CreateProduct(ctx, product) }},
			{"another price", func(ctx context.Context) error { return producers.UpdateProduct(ctx, dearer) }},
			{"another image", func(ctx context.Context) error {
				return producers.SetProductImage(ctx, product.ID, market.AnyVersion, strings.Repeat("a", 32), now)
			}},
			{"no image", func(ctx context.Context) error {
				return producers.SetProductImage(ctx, product.ID, market.AnyVersion, "", now)
			}},
			{"another name of the farm", func(ctx context.Context) error { return producers.UpdateFarm(ctx, renamedFarm) }},
			{"a verification", func(ctx context.Context) error {
				return producers.VerifyFarm(ctx, farm.ID, market.AnyVersion, market.Actor{ID: manager.ID, Role: manager.Role}, now)
			}},
			{"a suspension", func(ctx context.Context) error {
				return producers.SuspendFarm(ctx, farm.ID, market.AnyVersion, now)
			}},
			{"a deletion", func(ctx context.Context) error {
				return producers.DeleteProduct(ctx, product.ID, market.AnyVersion, now)
			}},
		} {
			look := func(from market.CatalogueStore) []any {
				p, productErr := from.Product(t.Context(), product.ID)
				f, farmErr := from.Farm(t.Context(), farm.ID)
				paging := market.Paging{Page: 1, Limit: 10}
				ps, err := from.Products(t.Context(), market.ProductQuery{Paging: paging, Sort: market.SortName})
				require.NoError(t, err)
				fs, err := from.Farms(t.Context(), market.FarmQuery{Paging: paging, Sort: market.SortName})
				require.NoError(t, err)
				return []any{p, f, ps, fs, errors.Is(productErr, market.ErrNotFound), errors.Is(farmErr, market.ErrNotFound)}
			}
			before := look(catalogue)
			require.NoError(t, write.do(t.Context()), write.name)
			require.Equal(t, look(s), look(catalogue), write.name)
			require.NotEqual(t, before, look(catalogue), "%s changes something", write.name)
		}
		p, err := producers.Product(t.Context(), product.ID)
		require.ErrorIs(t, err, market.ErrNotFound, "%v", p)
		f, err := producers.Farm(t.Context(), farm.ID)
		require.NoError(t, err)
		require.Equal(t, "Dale Farm", f.Name)
	})
}
