package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

// eachMarket runs the test against the API over a market with the seed's catalogue, once per kind of database.
func eachMarket(t *testing.T, test func(t *testing.T, app *fiber.App, s *store.Store)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := seed.Load(t.Context(), s)
		require.NoError(t, err)
		test(t, newApp(t, s), s)
	})
}

func newApp(t *testing.T, s *store.Store) *fiber.App {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "market-api", Logs: io.Discard})
	require.NoError(t, err)
	t.Cleanup(func() {
		// Nobody listens for the traces: there is nothing to wait for.
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		_ = tel.Shutdown(ctx)
	})
	app, err := api.New(api.Options{
		Catalogue: market.NewCatalogue(s), Telemetry: tel, Environment: "test", BodyLimit: 1 << 20,
		RequestTimeout: 10 * time.Second,
		Health:         health.New(tel, health.Check{Name: "database", Required: true, Probe: s.Ping}),
	})
	require.NoError(t, err)
	return app
}

// answer is what the API said.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

// get asks the API; the path is a URL's path and query.
func get(t *testing.T, app *fiber.App, path string) answer {
	t.Helper()
	response, err := app.Test(httptest.NewRequest(http.MethodGet, path, http.NoBody), -1)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{
		status: response.StatusCode, contentType: response.Header.Get("Content-Type"), header: response.Header, body: body,
	}
}

// list is the shape of every list.
type list[T any] struct {
	Success    bool `json:"success"`
	Data       []T  `json:"data"`
	Pagination struct {
		Page  int `json:"page"`
		Limit int `json:"limit"`
		Total int `json:"total"`
		Pages int `json:"pages"`
	} `json:"pagination"`
}

// getList asks for a list, which must come with nothing more than a list has.
func getList[T any](t *testing.T, app *fiber.App, path string) list[T] {
	t.Helper()
	got := get(t, app, path)
	require.Equal(t, http.StatusOK, got.status, string(got.body))
	require.Equal(t, "application/json", got.contentType)
	return decode[list[T]](t, got.body)
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var value T
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &keys))
	require.NotContains(t, keys, "$schema")
	require.NoError(t, json.Unmarshal(body, &value), string(body))
	return value
}

// requireProblem requires an RFC 9457 answer.
func requireProblem(t *testing.T, got answer, status int) api.Problem {
	t.Helper()
	require.Equal(t, status, got.status, string(got.body))
	require.Equal(t, "application/problem+json", got.contentType)
	problem := decode[api.Problem](t, got.body)
	require.Equal(t, status, problem.Status)
	require.NotEmpty(t, problem.Title)
	require.NotEmpty(t, problem.Detail)
	require.Regexp(t, "^[0-9a-f]{32}$", problem.TraceID)
	return problem
}
