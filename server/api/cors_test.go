package api_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

const (
	shopOrigin  = "https://shop.example.org"
	localOrigin = "http://localhost:3000"
)

// shared lets pages of the shop and of a developer's machine call.
func shared(o *api.Options) { o.CORSOrigins = []string{shopOrigin, localOrigin} }

// corsHeaders are those that the answer has.
func corsHeaders(header http.Header) []string {
	var names []string
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestOnlyPagesOfTheOriginsThatAreListedMayReadAnswers(t *testing.T) {
	app := newBareApp(t, func(o *api.Options, _ *brokenStore) { shared(o) })
	for name, c := range map[string]struct {
		origin string
		may    bool
	}{
		"that is listed":                          {shopOrigin, true},
		"that is listed with a port":              {localOrigin, true},
		"of another site":                         {"https://evil.example", false},
		"that begins as a listed one does":        {shopOrigin + ".evil.example", false},
		"below a listed one":                      {"https://a.shop.example.org", false},
		"with another port":                       {"http://localhost:3001", false},
		"with a port that a listed one has not":   {shopOrigin + ":8443", false},
		"with another scheme":                     {"http://shop.example.org", false},
		"in another case, which no browser sends": {"https://SHOP.example.org", false},
		"with a path":                             {shopOrigin + "/", false},
		"of a page in a sandbox":                  {"null", false},
		"that all are":                            {"*", false},
		"of both":                                 {shopOrigin + "," + localOrigin, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
				got := visit(t, app, method, "/api/v1/products", "Origin", c.origin,
					"Access-Control-Request-Method", http.MethodPost, "Access-Control-Request-Headers", "content-type,traceparent")
				require.Contains(t, got.Header.Get("Vary"), "Origin", "a cache must tell the origins apart")
				require.Empty(t, got.Header.Get("Access-Control-Allow-Credentials"), "tokens are in a header")
				if !c.may {
					require.Empty(t, corsHeaders(got.Header), method)
					continue
				}
				require.Equal(t, c.origin, got.Header.Get("Access-Control-Allow-Origin"), method)
			}
		})
	}
	got := visit(t, app, http.MethodGet, "/api/v1/products")
	require.Empty(t, got.Header.Get("Access-Control-Allow-Origin"), "who has no origin is no page")
	require.Equal(t, "Origin", got.Header.Get("Vary"), "or a cache would give this answer to a page of ours")
}

func TestWithoutOriginsNothingSpeaksOfThem(t *testing.T) {
	app := newBareApp(t)
	for method, status := range map[string]int{http.MethodGet: http.StatusOK, http.MethodOptions: http.StatusMethodNotAllowed} {
		got := visit(t, app, method, "/openapi.json", "Origin", shopOrigin, "Access-Control-Request-Method", http.MethodGet)
		require.Equal(t, status, got.StatusCode)
		require.Empty(t, corsHeaders(got.Header))
		require.Empty(t, got.Header.Get("Vary"), "a CDN keeps one answer for everybody")
	}
}

func TestPagesOfOtherOriginsCanReadEveryRefusal(t *testing.T) {
	over := limited(t, shared)
	for range fewReads {
		visit(t, over, http.MethodGet, "/api/v1/products")
	}
	calm := newBareApp(t, func(o *api.Options, _ *brokenStore) {
		shared(o)
		o.Sessions = newSessions(t, nil, o.Telemetry, auth.DefaultLimits())
	})
	failing := func(store brokenStore) *fiber.App {
		return newBareApp(t, func(o *api.Options, s *brokenStore) { shared(o); *s = store })
	}
	for name, c := range map[string]struct {
		app          *fiber.App
		method, path string
		header       []string
		status       int
		shown        string // a header that the page needs
	}{
		"without a token":              {calm, http.MethodGet, "/api/v1/auth/me", nil, http.StatusUnauthorized, "WWW-Authenticate"},
		"with a forged token":          {calm, http.MethodGet, "/api/v1/auth/me", []string{"Authorization", "Bearer x"}, http.StatusUnauthorized, "WWW-Authenticate"},
		"of a path that there is not":  {calm, http.MethodGet, "/nothing/here", nil, http.StatusNotFound, ""},
		"of a method that is not":      {calm, http.MethodDelete, "/api/v1/products", nil, http.StatusMethodNotAllowed, "Allow"},
		"of a wrong parameter":         {calm, http.MethodGet, "/api/v1/products?limit=many", nil, http.StatusUnprocessableEntity, ""},
		"of an encoded body":           {calm, http.MethodPost, "/api/v1/rum", []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType, ""},
		"over the limit":               {over, http.MethodGet, "/api/v1/products", nil, http.StatusTooManyRequests, "Retry-After"},
		"by an error":                  {failing(brokenStore{err: errors.New("x")}), http.MethodGet, "/api/v1/products", nil, http.StatusInternalServerError, ""},
		"by a panic":                   {failing(brokenStore{panics: true}), http.MethodGet, "/api/v1/products", nil, http.StatusInternalServerError, ""},
		"while the database is away":   {failing(brokenStore{err: market.ErrUnavailable}), http.MethodGet, "/api/v1/products", nil, http.StatusServiceUnavailable, "Retry-After"},
		"as the database is too slow":  {failing(brokenStore{err: market.ErrTimeout}), http.MethodGet, "/api/v1/products", nil, http.StatusGatewayTimeout, ""},
		"as what it has is still good": {calm, http.MethodGet, "/openapi.json", []string{"If-None-Match", "*"}, http.StatusNotModified, "ETag"},
	} {
		t.Run(name, func(t *testing.T) {
			got := visit(t, c.app, c.method, c.path, append([]string{"Origin", shopOrigin}, c.header...)...)
			require.Equal(t, c.status, got.StatusCode)
			require.Equal(t, shopOrigin, got.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, []string{"Origin"}, got.Header.Values("Vary"))
			if c.shown != "" {
				require.NotEmpty(t, got.Header.Get(c.shown))
				require.Contains(t, strings.Split(got.Header.Get("Access-Control-Expose-Headers"), ","), c.shown)
			}
		})
	}
}

func TestAPreflightNeedsNoTokenHasNoLimitAndIsOneSeriesWhateverItAsks(t *testing.T) {
	var tel *telemetry.Telemetry
	app := limited(t, shared, func(o *api.Options) { tel = o.Telemetry })
	const asked = 10 * fewReads
	for i := range asked {
		path := "/api/v1/orders/" + strings.Repeat("x", i)
		got := visit(t, app, http.MethodOptions, path, "Origin", shopOrigin, "Access-Control-Request-Method", http.MethodPost,
			"Access-Control-Request-Headers", "authorization,idempotency-key")
		require.Equal(t, http.StatusNoContent, got.StatusCode)
		require.Equal(t, "7200", got.Header.Get("Access-Control-Max-Age"))
		require.Empty(t, got.Header.Get("RateLimit-Limit"))
	}
	require.Equal(t, http.StatusOK, visit(t, app, http.MethodGet, "/openapi.json").StatusCode, "they do not use up the limit of reads")

	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	const labels = `error_type="",http_request_method="OPTIONS",http_response_status_code="204",http_route="unmatched"`
	require.Contains(t, recorder.Body.String(), "http_server_request_duration_seconds_count{"+labels+"} 30\n")
	require.Equal(t, 1, strings.Count(recorder.Body.String(), `http_server_request_duration_seconds_count{error_type="",http_request_method="OPTIONS"`))
}

func TestAPreflightFromElsewhereIsAReadLikeAnyOther(t *testing.T) {
	app := limited(t, shared)
	for range fewReads {
		got := visit(t, app, http.MethodOptions, "/api/v1/products", "Origin", "https://evil.example", "Access-Control-Request-Method", http.MethodPost)
		require.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, visit(t, app, http.MethodGet, "/api/v1/products").StatusCode)
}

// TestPagesOfOtherOriginsMayUseAllThatIsDocumented keeps the lists of methods and headers up with the document.
func TestPagesOfOtherOriginsMayUseAllThatIsDocumented(t *testing.T) {
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]struct{ Headers map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &document))
	app := newBareApp(t, func(o *api.Options, _ *brokenStore) { shared(o) })
	preflight := visit(t, app, http.MethodOptions, "/api/v1/orders", "Origin", shopOrigin, "Access-Control-Request-Method", http.MethodPost)
	listed := func(name string) []string { return strings.Split(preflight.Header.Get(name), ",") }
	methods, taken, shown := listed("Access-Control-Allow-Methods"), listed("Access-Control-Allow-Headers"), listed("Access-Control-Expose-Headers")
	safelisted := []string{"Cache-Control", "Content-Type"}
	const ofProviders = "Stripe-Signature" // which no page sends
	for path, operations := range document.Paths {
		for method, operation := range operations {
			require.Contains(t, methods, strings.ToUpper(method), path)
			for _, p := range operation.Parameters {
				if p.In == "header" && p.Name != ofProviders {
					require.Contains(t, taken, p.Name, path)
				}
			}
			for _, response := range operation.Responses {
				require.Subset(t, append(shown, safelisted...), slices.Collect(maps.Keys(response.Headers)), path)
			}
		}
	}
	require.Subset(t, taken, []string{"Authorization", "Content-Type", "If-None-Match", "traceparent", "tracestate", "baggage"})
}

func TestAnAnswerThatIsKeptCanBeReadByThePagesOfEachOriginInTurn(t *testing.T) {
	eachMarket(t, func(t *testing.T, _ *fiber.App, s *store.Store) {
		app := newApp(t, s, shared, func(o *api.Options) {
			kept, err := cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: o.Telemetry})
			require.NoError(t, err)
			o.Cache, o.Catalogue = kept, market.NewCatalogue(cache.NewCatalogue(kept, s))
		})
		etags := map[string]bool{}
		for _, c := range []struct{ origin, allowed string }{
			{shopOrigin, shopOrigin}, {localOrigin, localOrigin}, {"", ""}, {"https://evil.example", ""}, {shopOrigin, shopOrigin},
		} {
			got := visit(t, app, http.MethodGet, "/api/v1/products", "Origin", c.origin)
			require.Equal(t, c.allowed, got.Header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, got.Header.Get("Cache-Control"), "public")
			etags[got.Header.Get("ETag")] = true
		}
		require.Len(t, etags, 1, "it is one answer")
	})
}
