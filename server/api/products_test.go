package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestProductsAreListedPageByPage(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		catalogue, err := seed.Read()
		require.NoError(t, err)
		total := len(catalogue.Products)

		seen := map[string]bool{}
		first := getList[api.Product](t, app, "/api/v1/products?limit=100")
		require.True(t, first.Success)
		require.Equal(t, total, first.Pagination.Total)
		for page := 1; page <= first.Pagination.Pages; page++ {
			path := "/api/v1/products?limit=100&page=" + string(rune('0'+page))
			for _, product := range getList[api.Product](t, app, path).Data {
				seen[product.ID] = true
			}
		}
		require.Len(t, seen, total)

		behind := get(t, app, "/api/v1/products?page=500")
		require.Contains(t, string(behind.body), `"data":[]`)
	})
}

func TestProductsAreFilteredAndSorted(t *testing.T) {
	tests := map[string]struct {
		query string
		check func(product api.Product) bool
	}{
		"category":                 {"category=honey", func(p api.Product) bool { return p.Category == "honey" }},
		"search":                   {"q=sourdough", func(p api.Product) bool { return contains(p, "sourdough") }},
		"a search without accents": {"q=creme%20fraiche", func(p api.Product) bool { return p.Name == "Crème fraîche" }},
		"a search for a farm":      {"q=garrai", func(p api.Product) bool { return p.Farm.Name == "Garraí na Trá" }},
		"category and search": {
			"category=drinks&q=apple", func(p api.Product) bool { return p.Category == "drinks" && contains(p, "apple") },
		},
	}
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				got := getList[api.Product](t, app, "/api/v1/products?limit=100&"+test.query)
				require.NotEmpty(t, got.Data)
				require.Equal(t, len(got.Data), got.Pagination.Total)
				for _, product := range got.Data {
					require.True(t, test.check(product), "%+v", product)
				}
			})
		}
		t.Run("farm", func(t *testing.T) {
			farm := getList[api.Farm](t, app, "/api/v1/farms?q=knockbrack").Data[0]
			for _, id := range []string{farm.ID, strings.ToUpper(farm.ID)} {
				got := getList[api.Product](t, app, "/api/v1/products?farm="+id)
				require.NotEmpty(t, got.Data)
				for _, product := range got.Data {
					require.Equal(t, api.ProductFarm{ID: farm.ID, Name: "Knockbrack Orchard"}, product.Farm)
				}
			}
		})
		t.Run("dearest first", func(t *testing.T) {
			got := getList[api.Product](t, app, "/api/v1/products?sort=-price").Data
			require.True(t, slices.IsSortedFunc(got, func(a, b api.Product) int { return int(b.Price.Amount - a.Price.Amount) }))
			require.Equal(t, "Christmas turkey", got[0].Name)
		})
		t.Run("nothing found", func(t *testing.T) {
			got := get(t, app, "/api/v1/products?q=pineapple")
			require.JSONEq(t, `{"success":true,"data":[],"pagination":{"page":1,"limit":20,"total":0,"pages":0}}`, string(got.body))
		})
	})
}

func contains(p api.Product, word string) bool {
	return strings.Contains(strings.ToLower(p.Name+p.Description+p.Farm.Name), word)
}

func TestAProductIsShownWhole(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		listed := getList[api.Product](t, app, "/api/v1/products?q=heather%20set%20jelly").Data
		require.Len(t, listed, 1)
		got := get(t, app, "/api/v1/products/"+listed[0].ID)
		require.Equal(t, http.StatusOK, got.status)
		require.JSONEq(t, `{"success":true,"data":{
			"id":"`+listed[0].ID+`",
			"name":"Heather honey",
			"description":"Set like jelly, bittersweet, the colour of a bog pool.",
			"category":"honey",
			"unit":{"kind":"weight","size":340,"label":"340 g jar"},
			"price":{"amount":1250,"currency":"EUR"},
			"season":[1,2,3,9,10,11,12],
			"farm":{"id":"`+listed[0].Farm.ID+`","name":"Heatherbee Apiary"},
			"created_at":"2026-04-04T00:04:00Z",
			"updated_at":"2026-04-04T00:04:00Z"
		}}`, string(got.body))
	})
}

func TestBadRequestsForProductsAreToldWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		path   string
		status int
		want   string
	}{
		"a product that is not":     {"/api/v1/products/9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11", 404, "product 9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11 not found"},
		"an id that is none":        {"/api/v1/products/42", 422, "path.id"},
		"page 0":                    {"/api/v1/products?page=0", 422, "query.page"},
		"a page that is no number":  {"/api/v1/products?page=two", 422, "query.page"},
		"a page beyond all":         {"/api/v1/products?page=99999999999999999999", 422, "query.page"},
		"limit 101":                 {"/api/v1/products?limit=101", 422, "query.limit"},
		"a negative limit":          {"/api/v1/products?limit=-1", 422, "query.limit"},
		"an unknown category":       {"/api/v1/products?category=fish", 422, "query.category"},
		"an unknown sort":           {"/api/v1/products?sort=id", 422, "query.sort"},
		"a farm that is no id":      {"/api/v1/products?farm=hill", 422, "query.farm"},
		"a search that is too long": {"/api/v1/products?q=" + strings.Repeat("a", 101), 422, "query.q"},
		"a search with NUL":         {"/api/v1/products?q=a%00b", 422, "control characters"},
		"a search not in UTF-8":     {"/api/v1/products?q=%ff", 422, "UTF-8"},
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

func TestADatabaseThatIsAwayIsTheDatabasesFault(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url, store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	app := newApp(t, s)
	require.NoError(t, os.Rename(strings.TrimPrefix(url, "sqlite://"), strings.TrimPrefix(url, "sqlite://")+".away"))

	for _, path := range []string{"/api/v1/products", "/api/v1/products/9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11", "/api/v1/farms"} {
		got := get(t, app, path)
		problem := requireProblem(t, got, http.StatusServiceUnavailable)
		require.NotContains(t, problem.Detail, "sqlite")
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
}

func TestTheDocumentedCategoriesAndOrdersAreTheMarkets(t *testing.T) {
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string `json:"name"`
				Schema struct {
					Enum    []string `json:"enum"`
					Maximum int      `json:"maximum"`
				} `json:"schema"`
			} `json:"parameters"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Enum []string `json:"enum"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(raw, &document))
	enums, maxima := map[string][]string{}, map[string]int{}
	for _, path := range []string{"products", "farms"} {
		for _, parameter := range document.Paths["/api/v1/"+path]["get"].Parameters {
			enums[path+" "+parameter.Name] = parameter.Schema.Enum
			maxima[path+" "+parameter.Name] = parameter.Schema.Maximum
		}
	}
	require.Equal(t, texts(market.Categories()), enums["products category"])
	require.Equal(t, texts(market.ProductSorts()), enums["products sort"])
	require.Equal(t, texts(market.FarmSorts()), enums["farms sort"])
	require.Equal(t, market.MaxLimit, maxima["products limit"])
	require.Equal(t, market.MaxPage, maxima["products page"])
	require.Equal(t, texts(market.Categories()), document.Components.Schemas["Product"].Properties["category"].Enum)
	require.Equal(t, texts(market.UnitKinds()), document.Components.Schemas["Unit"].Properties["kind"].Enum)
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = string(value)
	}
	return all
}

func TestAListIsFollowedByItsCursors(t *testing.T) {
	eachMarket(t, func(t *testing.T, app *fiber.App, _ *store.Store) {
		first := getList[api.Product](t, app, "/api/v1/products?limit=40&sort=-price&category=dairy")
		require.Empty(t, first.Pagination.Next)
		var walked []api.Product
		path := "/api/v1/products?limit=6&sort=-price&category=dairy"
		for next := ""; ; {
			page := getList[api.Product](t, app, path+"&cursor="+next)
			require.Equal(t, first.Pagination.Total, page.Pagination.Total)
			require.Equal(t, 1+len(walked)/6, page.Pagination.Page)
			walked = append(walked, page.Data...)
			if next = page.Pagination.Next; next == "" {
				break
			}
		}
		require.Equal(t, first.Data, walked)

		cursor := getList[api.Product](t, app, path).Pagination.Next
		for name, test := range map[string]struct{ query, field, message string }{
			"made up":            {"cursor=made-up", "cursor", "must be pagination.next of an answer, unaltered"},
			"of another list":    {"sort=price&category=dairy&cursor=" + cursor, "cursor", "must be used with the filters and the order"},
			"and a page":         {"sort=-price&category=dairy&page=2&cursor=" + cursor, "page", "must be left out where there is a cursor"},
			"a page too far off": {"page=501", "page", "must be 1 to 500 with a limit of 20; to go on from there, give pagination.next"},
		} {
			t.Run(name, func(t *testing.T) {
				problem := requireProblem(t, get(t, app, "/api/v1/products?"+test.query), http.StatusUnprocessableEntity)
				require.Equal(t, test.field, problem.Errors[0].Location)
				require.Contains(t, problem.Errors[0].Message, test.message)
			})
		}
	})
}
