package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

func TestAChangeCanNameTheStateItChanges(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		manager, admin, customer := as(t, fair.Store, market.MarketManager), as(t, fair.Store, market.Admin), as(t, fair.Store, market.Customer)
		for name, c := range map[string]struct {
			by                   user
			method, path, change string
			body                 any
			other                any
		}{
			"an offering": {manager, http.MethodPatch, "/api/v1/offerings/" + fair.Offerings[0].ID, "", `{"quantity":20}`, `{"quantity":30}`},
			"a role": {
				admin, http.MethodPut, "/api/v1/accounts/" + customer.ID, "/role", `{"role":"farm_owner"}`, `{"role":"admin"}`,
			},
			"a window": {
				manager, http.MethodPut, "/api/v1/market-days/" + fair.Day.ID, "/window",
				api.Window{OpensAt: fair.Day.OpensAt, ClosesAt: fair.Day.ClosesAt.Add(-time.Hour)},
				api.Window{OpensAt: fair.Day.OpensAt, ClosesAt: fair.Day.ClosesAt.Add(-2 * time.Hour)},
			},
		} {
			t.Run(name, func(t *testing.T) {
				seen := send(t, app, c.by, http.MethodGet, c.path, nil).header.Get("ETag")
				require.NotEmpty(t, seen)
				changed := send(t, app, c.by, c.method, c.path+c.change, c.body, "If-Match", seen)
				require.Equal(t, 200, changed.status, string(changed.body))
				require.NotEqual(t, seen, changed.header.Get("ETag"))
				require.Equal(t, changed.header.Get("ETag"), send(t, app, c.by, http.MethodGet, c.path, nil).header.Get("ETag"))

				stale := send(t, app, c.by, c.method, c.path+c.change, c.other, "If-Match", seen)
				require.Contains(t, requireProblem(t, stale, 412).Detail, "has changed since you read it")
				require.Equal(t, changed.header.Get("ETag"), send(t, app, c.by, http.MethodGet, c.path, nil).header.Get("ETag"))
				whatever := send(t, app, c.by, c.method, c.path+c.change, c.other)
				require.Equal(t, 200, whatever.status, string(whatever.body))
			})
		}
	})
}

func TestEveryOtherWriteHonoursAStateThatItIsGiven(t *testing.T) {
	eachShop(t, []int64{9}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		manager, farmer := as(t, fair.Store, market.MarketManager), as(t, fair.Store, market.FarmOwner)
		_, err := fair.Store.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ?, verified_at = NULL", farmer.ID)
		require.NoError(t, err)
		farm, product := "/api/v1/manage/farms/"+fair.Farms[0].ID, "/api/v1/manage/products/"+fair.Offerings[0].ProductID
		day := send(t, app, manager, http.MethodPost, "/api/v1/market-days", api.NewMarketDay{
			MarketID: fair.Market.ID, Date: "2026-11-28", Window: api.Window{OpensAt: fair.Day.OpensAt, ClosesAt: fair.Day.ClosesAt},
		})
		require.Equal(t, 201, day.status, string(day.body))
		emptyDay := "/api/v1/market-days/" + decode[item[api.MarketDay]](t, day.body).Data.ID
		for _, c := range []struct {
			name         string
			user         user
			state        string // where the state is read
			method, path string
			body         any
			status       int
		}{
			{"a verification", manager, farm, http.MethodPut, "/api/v1/farms/" + fair.Farms[0].ID + "/verification", nil, 200},
			{"a verification once more", manager, farm, http.MethodPut, "/api/v1/farms/" + fair.Farms[0].ID + "/verification", nil, 200},
			{"a suspension", manager, farm, http.MethodDelete, "/api/v1/farms/" + fair.Farms[0].ID + "/verification", nil, 200},
			{"a suspension once more", manager, farm, http.MethodDelete, "/api/v1/farms/" + fair.Farms[0].ID + "/verification", nil, 200},
			{"a verification after it", manager, farm, http.MethodPut, "/api/v1/farms/" + fair.Farms[0].ID + "/verification", nil, 200},
			{"a photograph", farmer, product, http.MethodPut, "/api/v1/products/" + fair.Offerings[0].ProductID + "/image", string(photograph(t, 100, 100)), 200},
			{"no photograph", farmer, product, http.MethodDelete, "/api/v1/products/" + fair.Offerings[0].ProductID + "/image", nil, 204},
			{"a product's deletion", farmer, product, http.MethodDelete, "/api/v1/products/" + fair.Offerings[0].ProductID, nil, 204},
			{"a market day's deletion", manager, emptyDay, http.MethodDelete, emptyDay, nil, 204},
		} {
			seen := send(t, app, c.user, http.MethodGet, c.state, nil).header.Get("ETag")
			require.NotEmpty(t, seen, c.name)
			for _, stale := range []string{`"bogus"`, "W/" + seen, "bogus"} {
				got := send(t, app, c.user, c.method, c.path, c.body, "If-Match", stale)
				require.Contains(t, requireProblem(t, got, 412).Detail, "has changed since you read it", c.name)
			}
			require.Equal(t, seen, send(t, app, c.user, http.MethodGet, c.state, nil).header.Get("ETag"), "%s: nothing was changed", c.name)
			changed := send(t, app, c.user, c.method, c.path, c.body, "If-Match", `"bogus", `+seen)
			require.Equal(t, c.status, changed.status, "%s: %s", c.name, changed.body)
		}
	})
}
