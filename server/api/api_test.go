package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// brokenStore fails every question in one way.
type brokenStore struct {
	market.CatalogueStore

	err    error
	panics bool
}

func (s brokenStore) Products(context.Context, market.ProductQuery) (market.Page[market.Product], error) {
	if s.panics {
		panic("the shelf fell over")
	}
	return market.Page[market.Product]{}, s.err
}

// newBareApp is the API over a store that fails, or has nothing.
func newBareApp(t *testing.T, adjust ...func(*api.Options, *brokenStore)) *fiber.App {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	store := brokenStore{}
	options := api.Options{
		Health: health.New(tel), Telemetry: tel, Version: "v1", Environment: "test", RequestTimeout: time.Minute, BodyLimit: 1 << 20,
	}
	for _, a := range adjust {
		a(&options, &store)
	}
	if options.Catalogue == nil {
		options.Catalogue = market.NewCatalogue(store)
	}
	app, err := api.New(options)
	require.NoError(t, err)
	return app
}

func ask(t *testing.T, app *fiber.App, method, path string) (*http.Response, map[string]any) {
	t.Helper()
	response, err := app.Test(httptest.NewRequest(method, path, http.NoBody), -1)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var body map[string]any
	if strings.Contains(response.Header.Get("Content-Type"), "json") {
		require.NoError(t, json.Unmarshal(content, &body), "%s", content)
	}
	return response, body
}

func TestEveryErrorIsAProblemThatTellsNoSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		path   string
		store  brokenStore
		status int
		detail string
	}{
		"a path that there is not":   {path: "/api/v1/tractors", status: 404, detail: "/docs lists what there is"},
		"a method it does not take":  {method: http.MethodDelete, path: "/api/v1/products", status: 405, detail: "DELETE"},
		"a parameter out of range":   {path: "/api/v1/products?limit=101", status: 422, detail: "validation failed"},
		"a sort of no known kind":    {path: "/api/v1/products?sort=colour", status: 422, detail: "validation failed"},
		"a store that is away":       {store: brokenStore{err: market.ErrUnavailable}, status: 503, detail: "try again"},
		"a store that is slow":       {store: brokenStore{err: market.ErrTimeout}, status: 504, detail: "too long"},
		"a request whose time is up": {store: brokenStore{err: context.DeadlineExceeded}, status: 504, detail: "too long"},
		"an error nobody expected":   {store: brokenStore{err: errors.New("password hunter2 refused")}, status: 500, detail: "on our side"},
		"a panic":                    {store: brokenStore{panics: true}, status: 500, detail: "on our side"},
	} {
		t.Run(name, func(t *testing.T) {
			app := newBareApp(t, func(_ *api.Options, s *brokenStore) { *s = c.store })
			path, method := c.path, c.method
			if path == "" {
				path = "/api/v1/products"
			}
			if method == "" {
				method = http.MethodGet
			}
			response, body := ask(t, app, method, path)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
			require.EqualValues(t, c.status, body["status"])
			require.Contains(t, body["detail"], c.detail)
			require.Len(t, body["trace_id"], 32)
			require.NotContains(t, body["detail"], "hunter2")
			require.Equal(t, c.status == 503, response.Header.Get("Retry-After") != "")
		})
	}
}

func TestHealthLiveAndReadyEachAnswerTheirOwnQuestion(t *testing.T) {
	down := health.Check{Name: "database", Required: true, Probe: func(context.Context) error { return errors.New("refused") }}
	up := health.Check{Name: "database", Required: true, Probe: func(context.Context) error { return nil }}
	for name, c := range map[string]struct {
		check               health.Check
		drain               bool
		live, ready, health int
		word                string
	}{
		"all is well":           {check: up, live: 200, ready: 200, health: 200, word: "ready"},
		"the database is down":  {check: down, live: 200, ready: 503, health: 503, word: "unready"},
		"about to stop":         {check: up, drain: true, live: 200, ready: 503, health: 200, word: "draining"},
		"about to stop, broken": {check: down, drain: true, live: 200, ready: 503, health: 503, word: "draining"},
	} {
		t.Run(name, func(t *testing.T) {
			app := newBareApp(t, func(o *api.Options, _ *brokenStore) {
				o.Health = health.New(newTelemetry(t), c.check)
				if c.drain {
					o.Health.Drain()
				}
			})
			response, body := ask(t, app, http.MethodGet, "/api/live")
			require.Equal(t, c.live, response.StatusCode)
			require.Equal(t, "alive", body["status"])

			response, body = ask(t, app, http.MethodGet, "/api/ready")
			require.Equal(t, c.ready, response.StatusCode)
			require.Equal(t, c.word, body["status"])

			response, body = ask(t, app, http.MethodGet, "/api/health")
			require.Equal(t, c.health, response.StatusCode)
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			require.Equal(t, "v1", body["version"])
			require.Equal(t, "test", body["environment"])
			require.Contains(t, body["checks"], "database")
			require.NotEmpty(t, body["timestamp"])
		})
	}
}

func TestReadinessShowsTheStateOfABreakerAndDoesNotDependOnIt(t *testing.T) {
	for state, probe := range map[string]error{
		catalogue.BreakerClosed: nil, catalogue.BreakerHalfOpen: nil, catalogue.BreakerOpen: errors.New("not asked for 10 s"),
	} {
		t.Run(state, func(t *testing.T) {
			app := newBareApp(t, func(o *api.Options, _ *brokenStore) {
				o.Health = health.New(newTelemetry(t),
					health.Check{Name: "database", Required: true, Probe: func(context.Context) error { return nil }},
					health.Check{
						Name: "payments", Probe: func(context.Context) error { return probe }, Breaker: func() string { return state },
					})
			})
			response, body := ask(t, app, http.MethodGet, "/api/ready")
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Equal(t, map[string]any{"payments": state}, body["breakers"], "the database has none")
			_, body = ask(t, app, http.MethodGet, "/api/health")
			checks, _ := body["checks"].(map[string]any)
			require.Equal(t, state, checks["payments"].(map[string]any)["breaker"])
			require.NotContains(t, checks["database"], "breaker")
		})
	}
}

func newTelemetry(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	return tel
}

func TestAnswersMayNotBeFramedSniffedOrRun(t *testing.T) {
	response, _ := ask(t, newBareApp(t), http.MethodGet, "/api/live")
	require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
}

func TestTheDocumentIsOpenAPI31AndTheSameWithoutAServer(t *testing.T) {
	_, served := ask(t, newBareApp(t), http.MethodGet, "/openapi.json")
	require.Equal(t, "3.1.0", served["openapi"])
	content, err := api.OpenAPI()
	require.NoError(t, err)
	var printed map[string]any
	require.NoError(t, json.Unmarshal(content, &printed))
	require.Equal(t, served, printed)
}
