package api_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

func TestWhatCustomersAreShownIsCounted(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	fair := markettest.NewFair(t, s, 5)
	var tel *telemetry.Telemetry
	app := newApp(t, s, func(o *api.Options) {
		tel, o.Plan, o.Checkout = o.Telemetry, fair.Plan, fair.Checkout
		o.Cache, err = cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: tel})
		require.NoError(t, err)
		o.Catalogue = market.NewCatalogue(cache.NewCatalogue(o.Cache, s))
	})
	products, product := "/api/v1/products", "/api/v1/products/"+fair.Offerings[0].ProductID
	offerings, offering := "/api/v1/offerings?market_day="+fair.Day.ID, "/api/v1/offerings/"+fair.Offerings[0].ID
	ask := func(method, path string, header ...string) answer {
		return send(t, app, user{}, method, path, nil, header...)
	}
	kept := ask(http.MethodGet, products).header.Get("ETag")

	for name, c := range map[string]struct {
		method, path string
		header       []string
		status       int
		view         string
	}{
		"a list that is kept":                {path: products, status: 200, view: "products"},
		"a search":                           {path: products + "?q=apples", status: 200, view: "products"},
		"a product":                          {path: product, status: 200, view: "products"},
		"a list that the browser still has":  {path: products, header: []string{"If-None-Match", kept}, status: 304, view: "products"},
		"what is on offer":                   {path: offerings, status: 200, view: "offerings"},
		"an offering":                        {path: offering, status: 200, view: "offerings"},
		"a product that there is not":        {path: "/api/v1/products/" + uuid.NewString(), status: 404},
		"a question that makes no sense":     {path: products + "?limit=0", status: 422},
		"the headers alone":                  {method: http.MethodHead, path: products, status: 200},
		"something else":                     {path: "/api/v1/farms", status: 200},
		"a list that the probe asks for":     {path: products, header: []string{"User-Agent", "lookout-blackbox/1 (synthetic probe)"}, status: 200},
		"offers that the scripted order has": {path: offerings, header: []string{"User-Agent", "lookout-probe/1 (synthetic order)"}, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			want := views(t, tel)
			if c.view != "" {
				want[c.view]++
			}
			if c.method == "" {
				c.method = http.MethodGet
			}
			got := ask(c.method, c.path, c.header...)
			require.Equal(t, c.status, got.status, string(got.body))
			require.Equal(t, want, views(t, tel))
		})
	}
}

var viewSample = regexp.MustCompile(`market_views_total\{view="(\w+)"\} (\d+)`)

// views returns the counters by view.
func views(t *testing.T, tel *telemetry.Telemetry) map[string]int {
	t.Helper()
	page := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	counts := map[string]int{}
	for _, found := range viewSample.FindAllStringSubmatch(page.Body.String(), -1) {
		n, err := strconv.Atoi(found[2])
		require.NoError(t, err)
		counts[found[1]] = n
	}
	require.Len(t, counts, 2, "each is there from the start")
	return counts
}
