package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestAFarmAndItsProductsAreForVisitorsOnlyOnceItIsVerified(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		kept, err := cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: newTelemetry(t)})
		require.NoError(t, err)
		app := newApp(t, s, func(o *api.Options) {
			o.Cache = kept
			o.Catalogue = market.NewCatalogue(cache.NewCatalogue(kept, s))
			o.Producers = market.NewProducers(cache.NewProducers(kept, s), market.SystemClock{})
		})
		owner, other, manager := as(t, s, market.FarmOwner), as(t, s, market.FarmOwner), as(t, s, market.MarketManager)
		got := send(t, app, owner, http.MethodPost, "/api/v1/farms", farmBody)
		farm := decode[item[api.Farm]](t, got.body).Data
		got = send(t, app, owner, http.MethodPost, "/api/v1/products", `{"farm_id":"`+farm.ID+`",`+productBody)
		require.Equal(t, 201, got.status, string(got.body))
		product := decode[item[api.Product]](t, got.body).Data

		for _, verified := range []bool{false, true} {
			for name, who := range map[string]struct {
				user   user
				prefix string
				sees   bool
			}{
				"a visitor":                       {user{}, "/api/v1", verified},
				"the owner, as a visitor":         {owner, "/api/v1", verified},
				"a manager, as a visitor":         {manager, "/api/v1", verified},
				"the owner":                       {owner, "/api/v1/manage", true},
				"another owner":                   {other, "/api/v1/manage", false},
				"a manager, who is to look at it": {manager, "/api/v1/manage", true},
			} {
				requireSees(t, app, who.user, who.prefix, farm, product, who.sees, name)
			}
			got = send(t, app, manager, http.MethodPut, "/api/v1/farms/"+farm.ID+"/verification", nil)
			require.Equal(t, 200, got.status, string(got.body))
		}
	})
}

// requireSees fails unless the user sees the farm and its product, or neither, one by one and in lists.
func requireSees(t *testing.T, app *fiber.App, u user, prefix string, farm api.Farm, product api.Product, sees bool, who string) {
	t.Helper()
	status, count := http.StatusNotFound, 0
	if sees {
		status, count = http.StatusOK, 1
	}
	require.Equal(t, status, send(t, app, u, http.MethodGet, prefix+"/farms/"+farm.ID, nil).status, who)
	require.Equal(t, status, send(t, app, u, http.MethodGet, prefix+"/products/"+product.ID, nil).status, who)
	for _, path := range []string{"/farms", "/farms?owner=" + farm.OwnerID, "/products", "/products?farm=" + farm.ID, "/products?q=A"} {
		got := send(t, app, u, http.MethodGet, prefix+path, nil)
		require.Equal(t, http.StatusOK, got.status, string(got.body))
		require.Equal(t, count, decode[list[any]](t, got.body).Pagination.Total, "%s: %s", who, path)
	}
}
