package faults_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/telemetry"
)

// market is an app with two routes, and the admin port beside it.
type market struct {
	t        *testing.T
	app      *fiber.App
	admin    *http.ServeMux
	injector *faults.Injector
	tel      *telemetry.Telemetry
	logs     *strings.Builder
}

func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{t: t, admin: http.NewServeMux(), injector: &faults.Injector{}, logs: &strings.Builder{}}
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: m.logs, AccessLogRatio: 1})
	require.NoError(t, err)
	m.tel = tel
	m.app = fiber.New()
	tel.Use(m.app)
	m.app.Use(m.injector.Middleware(tel.Metrics))
	m.app.Get("/api/v1/products/:id", func(c *fiber.Ctx) error { return c.SendString("an apple") })
	m.app.Get("/api/live", func(c *fiber.Ctx) error { return c.SendString("alive") })
	tel.Instrument(m.app)
	m.injector.Routes(m.admin)
	return m
}

func (m *market) get(path string) int {
	m.t.Helper()
	response, err := m.app.Test(httptest.NewRequest(http.MethodGet, path, http.NoBody), -1)
	require.NoError(m.t, err)
	require.NoError(m.t, response.Body.Close())
	return response.StatusCode
}

func (m *market) ask(method, path, body string) (int, string) {
	recorder := httptest.NewRecorder()
	m.admin.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder.Code, recorder.Body.String()
}

func (m *market) metrics() string {
	recorder := httptest.NewRecorder()
	m.tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

const outage = `{"route":"/api/v1/*","error_rate":1,"duration":"1m"}`

func TestAnOutageFailsItsRoutesAndNoOthersUntilItIsCleared(t *testing.T) {
	m := newMarket(t)
	require.Equal(t, 200, m.get("/api/v1/products/7"))

	status, body := m.ask(http.MethodPost, "/admin/faults", outage)
	require.Equal(t, http.StatusCreated, status, body)
	require.Equal(t, 500, m.get("/api/v1/products/7"))
	require.Equal(t, 200, m.get("/api/live"))
	require.Contains(t, m.metrics(), "market_faults_active 1")

	status, _ = m.ask(http.MethodDelete, "/admin/faults", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, 200, m.get("/api/v1/products/7"))
	require.Contains(t, m.metrics(), "market_faults_active 0")
}

func TestAnInjectedFailureIsMarked(t *testing.T) {
	m := newMarket(t)
	m.ask(http.MethodPost, "/admin/faults", outage)
	m.get("/api/v1/products/7")
	require.Contains(t, m.metrics(), `market_faults_injected_total{kind="error"} 1`)
	require.Contains(t, m.metrics(), `http_server_request_duration_seconds_count{error_type="injected"`)
	require.Contains(t, m.logs.String(), `"fault.injected":"error"`)
}

func TestAnInjectedPanicIsAnsweredAndMarked(t *testing.T) {
	m := newMarket(t)
	status, body := m.ask(http.MethodPost, "/admin/faults", `{"route":"/api/v1/*","error_rate":1,"panic":true,"duration":"1m"}`)
	require.Equal(t, http.StatusCreated, status, body)
	require.Equal(t, 500, m.get("/api/v1/products/7"))
	require.Contains(t, m.metrics(), `market_faults_injected_total{kind="panic"} 1`)
	require.Contains(t, m.metrics(), `http_server_request_duration_seconds_count{error_type="injected"`)
	require.Contains(t, m.logs.String(), `"fault.injected":"panic"`)
	require.Contains(t, m.logs.String(), `"stack":"goroutine`)
}

func TestLatencyDelaysButDoesNotFail(t *testing.T) {
	for _, distribution := range faults.Distributions() {
		t.Run(distribution, func(t *testing.T) {
			m := newMarket(t)
			_, err := m.injector.Add(faults.Fault{
				Route: "*", Latency: &faults.Latency{Distribution: distribution, Mean: time.Millisecond, Spread: time.Millisecond},
			}, time.Minute)
			require.NoError(t, err)
			require.Equal(t, 200, m.get("/api/v1/products/7"))
			require.Contains(t, m.metrics(), `market_faults_injected_total{kind="latency"} 1`)
			require.Contains(t, m.logs.String(), `"fault.injected":"latency"`)
		})
	}
}

func TestAFaultEndsByItself(t *testing.T) {
	m := newMarket(t)
	_, err := m.injector.Add(faults.Fault{Route: "/api/v1/products/{id}", ErrorRate: 1}, 30*time.Millisecond)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return m.get("/api/v1/products/7") == 200 }, 10*time.Second, time.Millisecond)
	require.Empty(t, m.injector.List())
}

func TestOneOfSeveralFaultsCanBeEnded(t *testing.T) {
	m := newMarket(t)
	_, body := m.ask(http.MethodPost, "/admin/faults", outage)
	var fault struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(body), &fault))
	m.ask(http.MethodPost, "/admin/faults", `{"route":"/api/live","error_rate":1,"status":503,"duration":"1m"}`)

	status, _ := m.ask(http.MethodDelete, "/admin/faults/"+fault.ID, "")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, 200, m.get("/api/v1/products/7"))
	require.Equal(t, 503, m.get("/api/live"))
	status, body = m.ask(http.MethodDelete, "/admin/faults/"+fault.ID, "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, fault.ID)
}

func TestAFaultThatMakesNoSenseIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"no route":               {`{"error_rate":1,"duration":"1m"}`, "route is empty"},
		"nothing to do":          {`{"route":"*","duration":"1m"}`, "does nothing"},
		"a rate above one":       {`{"route":"*","error_rate":1.5,"duration":"1m"}`, "from 0 to 1"},
		"a status of the client": {`{"route":"*","error_rate":1,"status":404,"duration":"1m"}`, "from 500 to 599"},
		"no end":                 {`{"route":"*","error_rate":1}`, "duration"},
		"an end too far":         {`{"route":"*","error_rate":1,"duration":"100h"}`, "at most 1h"},
		"a broken pattern":       {`{"route":"[","error_rate":1,"duration":"1m"}`, "not a pattern"},
		"an unknown field":       {`{"rout":"*","error_rate":1,"duration":"1m"}`, "rout"},
		"an unknown shape":       {`{"route":"*","latency":{"distribution":"pareto","mean":"1s"},"duration":"1m"}`, "pareto"},
		"a delay without bounds": {`{"route":"*","latency":{"distribution":"fixed","mean":"2h"},"duration":"1m"}`, "above 30s"},
		"two objects":            {outage + outage, "after the JSON object"},
		"no JSON":                {`route=*`, "read the fault"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t)
			status, body := m.ask(http.MethodPost, "/admin/faults", c.body)
			require.Equal(t, http.StatusUnprocessableEntity, status)
			require.Contains(t, body, c.want)
			require.Empty(t, m.injector.List())
		})
	}
}

func TestAPatternMatchesRouteTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		pattern string
		hit     bool
	}{
		"everything":         {"*", true},
		"a prefix":           {"/api/v1/*", true},
		"the route itself":   {"/api/v1/products/{id}", true},
		"the middle":         {"/api/*/{id}", true},
		"another route":      {"/api/v1/farms*", false},
		"no star, no prefix": {"/api/v1", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t)
			_, err := m.injector.Add(faults.Fault{Route: c.pattern, ErrorRate: 1}, time.Minute)
			require.NoError(t, err)
			require.Equal(t, c.hit, m.get("/api/v1/products/7") == 500)
		})
	}
}
