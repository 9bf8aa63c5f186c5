package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/clientaddr"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/ratelimit"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

const fewReads = 3

// limited is the API with limits that are soon reached. Requests of tests come from 0.0.0.0.
func limited(t *testing.T, adjust ...func(*api.Options)) *fiber.App {
	t.Helper()
	return newBareApp(t, func(o *api.Options, _ *brokenStore) {
		o.RateLimits.Limiter = ratelimit.New(ratelimit.Options{Telemetry: o.Telemetry, Rates: map[ratelimit.Class]ratelimit.Rate{
			ratelimit.Reads:  {Limit: fewReads, Period: time.Hour},
			ratelimit.Writes: {Limit: fewReads - 1, Period: time.Hour},
			ratelimit.Auth:   {Limit: fewReads - 2, Period: time.Hour},
			ratelimit.RUM:    {Limit: fewReads + 1, Period: time.Hour},
			ratelimit.Images: {Limit: fewReads + 2, Period: time.Hour},
		}})
		for _, a := range adjust {
			a(o)
		}
		if o.Sessions == nil {
			o.Sessions = newSessions(t, nil, o.Telemetry, auth.DefaultLimits())
		}
	})
}

func visit(t *testing.T, app *fiber.App, method, path string, headers ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := app.Test(request, -1)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

func TestAClientOverItsLimitIsToldWhenToComeBack(t *testing.T) {
	app := limited(t)
	for left := fewReads - 1; left >= 0; left-- {
		response := visit(t, app, http.MethodGet, "/api/v1/auth/me")
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
		require.Equal(t, "3", response.Header.Get("RateLimit-Limit"))
		require.Equal(t, strconv.Itoa(left), response.Header.Get("RateLimit-Remaining"))
		require.Equal(t, "3;w=3600", response.Header.Get("RateLimit-Policy"))
	}
	response, body := ask(t, app, http.MethodGet, "/api/v1/auth/me")
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	require.Contains(t, body["detail"], "try again in")
	require.Len(t, body["trace_id"], 32)
	wait, err := strconv.Atoi(response.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 3600, wait, 60)
	require.Equal(t, response.Header.Get("Retry-After"), response.Header.Get("RateLimit-Reset"))
	require.Equal(t, "private, no-store", response.Header.Get("Cache-Control"))
}

func TestEachKindOfRequestHasALimitOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		answered     int
	}{
		"reads":                   {http.MethodGet, "/api/v1/products", fewReads},
		"reads of headers":        {http.MethodHead, "/api/v1/products", fewReads},
		"paths that there is not": {http.MethodGet, "/wp-login.php", fewReads},
		"writes":                  {http.MethodPost, "/api/v1/orders", fewReads - 1},
		"log-ins":                 {http.MethodPost, "/api/v1/auth/login", fewReads - 2},
		"photographs":             {http.MethodPut, "/api/v1/products/" + productID + "/image", fewReads + 2},
		"photographs taken away":  {http.MethodDelete, "/api/v1/products/" + productID + "/image", fewReads - 1},
		"reports of browsers":     {http.MethodPost, "/api/v1/rum", fewReads + 1},
		"health":                  {http.MethodGet, "/api/health", 20},
		"liveness":                {http.MethodHead, "/api/live", 20},
		"readiness":               {http.MethodGet, "/api/ready", 20},
	} {
		t.Run(name, func(t *testing.T) {
			app := limited(t)
			answered := 0
			for range 20 {
				if visit(t, app, c.method, c.path).StatusCode != http.StatusTooManyRequests {
					answered++
				}
			}
			require.Equal(t, c.answered, answered)
		})
	}
}

func TestAForgedHeaderDoesNotHelp(t *testing.T) {
	for name, trusted := range map[string]string{"no proxy is trusted": "", "another proxy is trusted": "10.0.0.0/8"} {
		t.Run(name, func(t *testing.T) {
			app := limited(t, func(o *api.Options) { o.TrustedProxies = networks(t, trusted) })
			for i := range fewReads + 1 {
				response := visit(t, app, http.MethodGet, "/api/v1/products", "X-Forwarded-For", "203.0.113."+strconv.Itoa(i),
					"X-Real-IP", "203.0.113."+strconv.Itoa(i), "Forwarded", "for=203.0.113."+strconv.Itoa(i))
				require.Equal(t, i == fewReads, response.StatusCode == http.StatusTooManyRequests)
			}
		})
	}
}

func TestClientsBehindATrustedProxyAreToldApart(t *testing.T) {
	for name, header := range map[string]func(i int) []string{
		"which appends to the line": func(i int) []string {
			return []string{"X-Forwarded-For", "198.51.100." + strconv.Itoa(i) + ", 203.0.113.7"}
		},
		"which adds a line of its own": func(i int) []string {
			return []string{"X-Forwarded-For", "198.51.100." + strconv.Itoa(i), "X-Forwarded-For", "203.0.113.7"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			app := limited(t, func(o *api.Options) { o.TrustedProxies = networks(t, "0.0.0.0") })
			for i := range fewReads + 1 {
				response := visit(t, app, http.MethodGet, "/api/v1/products", header(i)...)
				require.Equal(t, i == fewReads, response.StatusCode == http.StatusTooManyRequests)
			}
			response := visit(t, app, http.MethodGet, "/api/v1/products", "X-Forwarded-For", "203.0.113.8")
			require.NotEqual(t, http.StatusTooManyRequests, response.StatusCode)
		})
	}
}

func TestAnExemptNetworkHasNoLimit(t *testing.T) {
	app := limited(t, func(o *api.Options) { o.RateLimits.Exempt = networks(t, "0.0.0.0/8") })
	for range 20 {
		response := visit(t, app, http.MethodGet, "/api/v1/products")
		require.NotEqual(t, http.StatusTooManyRequests, response.StatusCode)
		require.Empty(t, response.Header.Get("RateLimit-Limit"))
	}
}

func TestAnAccountIsCountedWhereverItComesFrom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, bob := as(t, s, market.Customer), as(t, s, market.Customer)
		app := limited(t, func(o *api.Options) {
			o.Sessions = newSessions(t, s, o.Telemetry, auth.DefaultLimits())
			o.TrustedProxies = networks(t, "0.0.0.0")
		})
		for i := range fewReads + 1 {
			response := visit(t, app, http.MethodGet, "/api/v1/auth/me",
				"Authorization", "Bearer "+ann.token, "X-Forwarded-For", "203.0.113."+strconv.Itoa(i))
			require.Equal(t, i == fewReads, response.StatusCode == http.StatusTooManyRequests)
		}
		response := visit(t, app, http.MethodGet, "/api/v1/auth/me", "Authorization", "Bearer "+bob.token, "X-Forwarded-For", "203.0.113.0")
		require.NotEqual(t, http.StatusTooManyRequests, response.StatusCode)
		forged := visit(t, app, http.MethodGet, "/api/v1/auth/me", "Authorization", "Bearer "+ann.token+"x", "X-Forwarded-For", "203.0.113.0")
		require.Equal(t, http.StatusUnauthorized, forged.StatusCode, "a token that is not good counts for the address")
	})
}

func TestWhatACDNKeepsDoesNotSayHowMuchOneClientHasLeft(t *testing.T) {
	app := limited(t, func(o *api.Options) { o.Catalogue = market.NewCatalogue(&oneProduct{}) })
	response := visit(t, app, http.MethodGet, productsPath)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Empty(t, response.Header.Get("RateLimit-Remaining"))
}

func networks(t *testing.T, list string) clientaddr.Networks {
	t.Helper()
	parsed, err := clientaddr.Parse(list)
	require.NoError(t, err)
	return parsed
}
