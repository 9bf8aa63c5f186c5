package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/ratelimit"
)

// categoriesEnd is in force until the sunset, and gone from then on.
func categoriesEnd(sunset time.Time) api.Ending {
	return api.Ending{
		Method: http.MethodGet, Path: "/api/v1/categories", Successor: "/api/v1/kinds",
		Since: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), Sunset: sunset,
	}
}

var (
	farAway = time.Date(9000, 9, 1, 0, 0, 0, 0, time.UTC)
	past    = time.Date(2020, 9, 1, 0, 0, 0, 0, time.UTC)
)

// newEndingApp is the API with a deprecated operation, which answers one request.
func newEndingApp(t *testing.T, e api.Ending, adjust ...func(*api.Options)) (*fiber.App, error) {
	t.Helper()
	tel := newTelemetry(t)
	options := api.Options{
		Catalogue: market.NewCatalogue(brokenStore{}), Health: health.New(tel), Telemetry: tel,
		Sessions: newSessions(t, nil, tel, auth.DefaultLimits()), RequestTimeout: time.Minute, BodyLimit: 1 << 20,
	}
	for _, a := range adjust {
		a(&options)
	}
	return api.NewWithEnding(options, e)
}

func TestEveryAnswerOfADeprecatedOperationTells(t *testing.T) {
	failing := func(o *api.Options) {
		o.Faults = &faults.Injector{}
		_, err := o.Faults.Add(faults.Fault{Route: "/api/*", ErrorRate: 1, Status: http.StatusServiceUnavailable}, time.Minute)
		require.NoError(t, err)
	}
	strict := func(o *api.Options) {
		once := ratelimit.Rate{Limit: 1, Period: time.Hour}
		o.RateLimits.Limiter = ratelimit.New(ratelimit.Options{Telemetry: o.Telemetry, Rates: map[ratelimit.Class]ratelimit.Rate{
			ratelimit.Reads: once, ratelimit.Writes: once, ratelimit.Auth: once, ratelimit.RUM: once, ratelimit.Images: once,
		}})
	}
	for name, c := range map[string]struct {
		method, path, encoding string
		sunset                 time.Time
		adjust                 func(*api.Options)
		asked                  int // times before
		status                 int
		silent                 bool
	}{
		"a success":                               {sunset: farAway, status: 200},
		"the headers alone":                       {method: http.MethodHead, sunset: farAway, status: 200},
		"a client over its limit":                 {sunset: farAway, adjust: strict, asked: 1, status: 429},
		"an encoded body":                         {encoding: "gzip", sunset: farAway, status: 415},
		"a fault on purpose":                      {sunset: farAway, adjust: failing, status: 503},
		"after the sunset":                        {sunset: past, status: 410},
		"the headers alone, after the sunset":     {method: http.MethodHead, sunset: past, status: 410},
		"a client over its limit, after it":       {sunset: past, adjust: strict, asked: 1, status: 410},
		"another operation is not deprecated":     {path: "/api/live", sunset: past, status: 200, silent: true},
		"another method of the path is not there": {method: http.MethodPut, sunset: past, status: 405, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.adjust == nil {
				c.adjust = func(*api.Options) {}
			}
			app, err := newEndingApp(t, categoriesEnd(c.sunset), c.adjust)
			require.NoError(t, err)
			if c.path == "" {
				c.path = "/api/v1/categories"
			}
			for range c.asked {
				visit(t, app, http.MethodGet, c.path)
			}
			request := httptest.NewRequest(c.method, c.path, http.NoBody)
			request.Header.Set("Content-Encoding", c.encoding)
			response, err := app.Test(request, -1)
			require.NoError(t, err)
			got := read(t, response)
			require.Equal(t, c.status, got.status, string(got.body))
			if c.silent {
				require.Empty(t, got.header.Get("Deprecation"))
				require.Empty(t, got.header.Get("Sunset"))
				return
			}
			require.Equal(t, "@1577934245", got.header.Get("Deprecation"), "RFC 9745 asks for a structured date")
			require.Equal(t, c.sunset.Format(http.TimeFormat), got.header.Get("Sunset"))
			require.Contains(t, got.header.Get("Link"), `</docs>; rel="deprecation"`)
			require.Contains(t, got.header.Get("Link"), `</api/v1/kinds>; rel="successor-version"`)
			if c.status == http.StatusGone && c.method != http.MethodHead {
				problem := requireProblem(t, got, http.StatusGone)
				require.Equal(t, "GET /api/v1/categories ended on 2020-09-01: use /api/v1/kinds; /docs has the policy", problem.Detail)
				require.Equal(t, "private, no-store", got.header.Get("Cache-Control"))
			}
		})
	}
}

func TestTheDocumentSaysWhatIsDeprecatedAndWhatThatMeans(t *testing.T) {
	app, err := newEndingApp(t, categoriesEnd(farAway))
	require.NoError(t, err)
	document := decode[struct {
		Info  struct{ Description string }
		Paths map[string]map[string]struct {
			Deprecated bool
			Responses  map[string]any
		}
	}](t, get(t, app, "/openapi.json").body)
	require.Contains(t, document.Info.Description, "From its sunset on it answers 410", "/docs, where Link leads, shows it")
	ended := document.Paths["/api/v1/categories"]["get"]
	require.True(t, ended.Deprecated)
	require.Contains(t, ended.Responses, "410")
	require.False(t, document.Paths["/api/v1/products"]["get"].Deprecated)
}

func TestADeprecationThatCannotBeStopsTheStart(t *testing.T) {
	hasty, misspelt := categoriesEnd(past), categoriesEnd(past)
	hasty.Sunset, misspelt.Path = hasty.Since.Add(time.Hour), "/api/v1/categroies"
	_, err := newEndingApp(t, hasty)
	require.ErrorContains(t, err, "its sunset comes before")
	_, err = newEndingApp(t, misspelt)
	require.ErrorContains(t, err, "no such operation")
}

func TestTheTableOfDeprecationsHolds(t *testing.T) {
	_, err := api.OpenAPI()
	require.NoError(t, err)
}
