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
