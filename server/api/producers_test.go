package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

type item[T any] struct {
	Data T `json:"data"`
}

func TestAnOwnerOpensAFarmAndRunsItsProducts(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, s *store.Store) {
		owner, manager := as(t, s, market.FarmOwner), as(t, s, market.MarketManager)
		got := send(t, app, owner, http.MethodPost, "/api/v1/farms", farmBody)
		require.Equal(t, http.StatusCreated, got.status, string(got.body))
		farm := decode[item[api.Farm]](t, got.body).Data
		require.Equal(t, owner.ID, farm.OwnerID)
		require.False(t, farm.Verified)
		unverified := send(t, app, manager, http.MethodGet, "/api/v1/manage/farms?verified=false", nil)
		require.Equal(t, []api.Farm{farm}, decode[list[api.Farm]](t, unverified.body).Data)

		for range 2 { // the second time changes nothing
			got = send(t, app, manager, http.MethodPut, "/api/v1/farms/"+farm.ID+"/verification", nil)
			require.Equal(t, http.StatusOK, got.status, string(got.body))
		}
		require.True(t, decode[item[api.Farm]](t, got.body).Data.Verified)
		require.Len(t, getList[api.Farm](t, app, "/api/v1/farms?owner="+owner.ID).Data, 1)

		got = send(t, app, owner, http.MethodPost, "/api/v1/products", `{"farm_id":"`+farm.ID+`",`+productBody)
		require.Equal(t, http.StatusCreated, got.status, string(got.body))
		product := decode[item[api.Product]](t, got.body).Data
		require.Equal(t, api.ProductFarm{ID: farm.ID, Name: "A"}, product.Farm)
		path := "/api/v1/products/" + product.ID
		require.Equal(t, got.header.Get("ETag"), get(t, app, path).header.Get("ETag"))

		changed := strings.Replace(productBody, `"name":"A"`, `"name":"Äpfel"`, 1)
		got = send(t, app, owner, http.MethodPut, path, "{"+changed, "If-Match", got.header.Get("ETag"))
		require.Equal(t, http.StatusOK, got.status, string(got.body))
		require.Len(t, getList[api.Product](t, app, "/api/v1/products?q=apfel&farm="+farm.ID).Data, 1)

		require.Equal(t, http.StatusNoContent, send(t, app, owner, http.MethodDelete, path, nil).status)
		requireProblem(t, get(t, app, path), http.StatusNotFound)
		requireProblem(t, send(t, app, owner, http.MethodDelete, path, nil), http.StatusNotFound)
		require.Empty(t, getList[api.Product](t, app, "/api/v1/products?farm="+farm.ID).Data)
	})
}

func TestAnUpdateMustNameTheStateItChanges(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, s *store.Store) {
		owner := as(t, s, market.FarmOwner)
		created := send(t, app, owner, http.MethodPost, "/api/v1/farms", farmBody)
		farm := decode[item[api.Farm]](t, created.body).Data
		added := send(t, app, owner, http.MethodPost, "/api/v1/products", `{"farm_id":"`+farm.ID+`",`+productBody)
		product := decode[item[api.Product]](t, added.body).Data
		for name, c := range map[string]struct{ path, body, etag string }{
			"farm":    {"/api/v1/farms/" + farm.ID, farmBody, created.header.Get("ETag")},
			"product": {"/api/v1/products/" + product.ID, "{" + productBody, added.header.Get("ETag")},
		} {
			t.Run(name, func(t *testing.T) {
				// Not the name: a product shows its farm's, so that renaming the farm changes the product's state as well.
				put := func(description string, header ...string) answer {
					body := strings.Replace(c.body, `"description":"B"`, `"description":"`+description+`"`, 1)
					return send(t, app, owner, http.MethodPut, c.path, body, header...)
				}
				requireProblem(t, put("C"), http.StatusPreconditionRequired)
				requireProblem(t, put("C", "If-Match", `"another"`), http.StatusPreconditionFailed)
				requireProblem(t, put("C", "If-Match", "W/"+c.etag), http.StatusPreconditionFailed)
				first := put("C", "If-Match", `"another", `+c.etag)
				require.Equal(t, http.StatusOK, first.status, string(first.body))
				problem := requireProblem(t, put("D", "If-Match", c.etag), http.StatusPreconditionFailed)
				require.Contains(t, problem.Detail, "has changed since you read it")
				require.Equal(t, http.StatusOK, put("D", "If-Match", first.header.Get("ETag")).status)
				require.Equal(t, http.StatusOK, put("E", "If-Match", "*").status)
			})
		}
	})
}

func TestBadFarmsAndProductsAreToldWhatIsWrong(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, s *store.Store) {
		owner := as(t, s, market.FarmOwner)
		created := send(t, app, owner, http.MethodPost, "/api/v1/farms", farmBody)
		product := `{"farm_id":"` + decode[item[api.Farm]](t, created.body).Data.ID + `",` + productBody
		for name, c := range map[string]struct{ path, from, to, want string }{
			"a farm without a name":        {"farms", `"name":"A"`, `"name":""`, "body.name"},
			"a name of spaces":             {"farms", `"name":"A"`, `"name":"   "`, "name must have 1 to 120"},
			"a name with a line break":     {"farms", `"name":"A"`, `"name":"A\n"`, "control characters"},
			"a name with NUL":              {"farms", `"name":"A"`, `"name":"A\u0000"`, "control characters"},
			"a country in small letters":   {"farms", `"IE"`, `"ie"`, "body.country"},
			"a price of 0":                 {"products", `"amount":100`, `"amount":0`, "price.amount must be"},
			"a negative price":             {"products", `"amount":100`, `"amount":-1`, "price.amount must be"},
			"a price in fractions":         {"products", `"amount":100`, `"amount":1.5`, "body.price.amount"},
			"a price beyond all":           {"products", `"amount":100`, `"amount":99999999999999999999`, "price.amount"},
			"a currency there is not":      {"products", `"EUR"`, `"XXX"`, "price.currency must be"},
			"an unknown category":          {"products", `"fruit"`, `"fish"`, "body.category"},
			"a unit of no size":            {"products", `"size":1`, `"size":0`, "body.unit.size"},
			"no season":                    {"products", `[1]`, `[]`, "body.season"},
			"month 13":                     {"products", `[1]`, `[13]`, "months from 1 to 12"},
			"month -5":                     {"products", `[1]`, `[-5]`, "months from 1 to 12"},
			"a property that there is not": {"products", `"name":"A"`, `"name":"A","owner_id":"x"`, "unexpected property"},
		} {
			t.Run(name, func(t *testing.T) {
				body := map[string]string{"farms": farmBody, "products": product}[c.path]
				require.Contains(t, body, c.from)
				got := send(t, app, owner, http.MethodPost, "/api/v1/"+c.path, strings.Replace(body, c.from, c.to, 1))
				requireProblem(t, got, http.StatusUnprocessableEntity)
				require.Contains(t, string(got.body), c.want)
			})
		}
	})
}
