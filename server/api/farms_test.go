package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
)

func TestFarmsAreListed(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		catalogue, err := seed.Read()
		require.NoError(t, err)
		all := getList[api.Farm](t, app, "/api/v1/farms?limit=100")
		require.True(t, all.Success)
		require.Len(t, all.Data, len(catalogue.Farms))
		require.Equal(t, "Ballyvara Organics", all.Data[0].Name)

		turned := getList[api.Farm](t, app, "/api/v1/farms?limit=10&sort=-name")
		require.Len(t, turned.Data, 10)
		require.Equal(t, all.Data[len(all.Data)-1], turned.Data[0])
		require.Equal(t, 3, turned.Pagination.Pages)

		require.Empty(t, getList[api.Farm](t, app, "/api/v1/farms?q=goats%20wicklow%20valley").Data)
		require.Len(t, getList[api.Farm](t, app, "/api/v1/farms?q=goats%20valley").Data, 1)
	})
}

func TestAFarmIsShownWhole(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		got := get(t, app, "/api/v1/farms/d090d5d3-d076-5c12-ac96-1ee853d41c20")
		require.Equal(t, http.StatusOK, got.status)
		require.JSONEq(t, `{"success":true,"data":{
			"id":"d090d5d3-d076-5c12-ac96-1ee853d41c20",
			"name":"Ballyvara Organics",
			"description":"Certified organic salad growers who cut, wash and bag their leaves on the day of the market.",
			"place":"Ballyvara","region":"County Wicklow","country":"IE",
			"owner_id":"84e8e66d-3d80-54f7-b3d1-bc96d845fbf5",
			"verified":true,
			"created_at":"2026-03-14T00:00:00Z","updated_at":"2026-03-14T00:00:00Z"
		}}`, string(got.body))
	})
}

func TestBadRequestsForFarmsAreToldWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		path   string
		status int
		want   string
	}{
		"a farm that is not": {"/api/v1/farms/9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11", 404, "farm 9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11 not found"},
		"an id that is none": {"/api/v1/farms/hill", 422, "path.id"},
		"limit 0":            {"/api/v1/farms?limit=0", 422, "query.limit"},
		"a sort by price":    {"/api/v1/farms?sort=price", 422, "query.sort"},
	}
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				got := get(t, app, test.path)
				requireProblem(t, got, test.status)
				require.Contains(t, string(got.body), test.want)
			})
		}
	})
}

func TestAVerifiedFarmIsRenamedOnlyAfterItsVerificationIsWithdrawn(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, s *store.Store) {
		owner, manager := as(t, s, market.FarmOwner), as(t, s, market.MarketManager)
		created := send(t, app, owner, http.MethodPost, "/api/v1/farms", farmBody)
		path := "/api/v1/farms/" + decode[item[api.Farm]](t, created.body).Data.ID
		put := func(name, description string) answer {
			body := strings.NewReplacer(`"name":"A"`, `"name":"`+name+`"`, `"description":"B"`, `"description":"`+description+`"`).Replace(farmBody)
			return send(t, app, owner, http.MethodPut, path, body, "If-Match", "*")
		}
		require.Equal(t, 200, put("Hill Farm", "B").status, "nobody has verified it")
		require.Equal(t, 200, send(t, app, manager, http.MethodPut, path+"/verification", nil).status)
		refused := requireProblem(t, put("Ballyvara Organics", "B"), 409)
		require.Contains(t, refused.Detail, `is verified as "Hill Farm"`)
		require.Equal(t, 200, put(" Hill Farm ", "Up the hill.").status, "all else can change")

		suspended := send(t, app, manager, http.MethodDelete, path+"/verification", nil)
		require.Equal(t, 200, suspended.status, string(suspended.body))
		require.False(t, decode[item[api.Farm]](t, suspended.body).Data.Verified)
		require.NotEmpty(t, suspended.header.Get("ETag"))
		requireProblem(t, get(t, app, path), 404)
		require.Equal(t, 200, put("Dale Farm", "B").status)
		require.Equal(t, 200, send(t, app, manager, http.MethodPut, path+"/verification", nil).status)
		require.Contains(t, string(get(t, app, path).body), "Dale Farm")
	})
}
