package home

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/slo"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// testNow is the moment at which the fixture's page is made.
var testNow = time.Date(2026, 3, 7, 9, 30, 0, 0, time.UTC)

const errorTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// fixture is a market with an outage a few minutes ago: a real PromQL engine over invented samples, and strict fakes of
// the other sources.
type fixture struct {
	Config
	handler http.Handler
}

func newFixture(t *testing.T, edit func(*Config)) *fixture {
	t.Helper()
	runbooks := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(runbooks, "api-availability.md"), []byte(runbookText), 0o600))
	config := Config{
		Components:      testComponents,
		PrometheusURL:   serve(t, prometheusFake(t)),
		AlertmanagerURL: serve(t, answering(t, "/api/v2/alerts", alertmanagerAnswer)),
		JaegerURL:       serve(t, jaegerFake(t)),
		PagerURL:        serve(t, answering(t, "/api/pages", pagerAnswer)),
		RunbookDir:      runbooks,
		Log:             slog.New(slog.DiscardHandler),
		Now:             func() time.Time { return testNow },
	}
	config.ServerURL = serve(t, answering(t, "/docs", `{}`))
	if edit != nil {
		edit(&config)
	}
	handler, err := New(config)
	require.NoError(t, err)
	return &fixture{Config: config, handler: handler}
}

func (f *fixture) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return recorder
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// unreachableURL is an address where nothing listens.
func unreachableURL(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

// answering answers one path and fails the test on any other.
func answering(t *testing.T, path, body string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			t.Errorf("unexpected request %s", r.URL)
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, body)
	})
}

func testComponents() []stack.Component {
	since := testNow.Add(-22 * time.Minute)
	return []stack.Component{
		{Name: "jaeger", Version: "1.76.0", State: stack.Ready, Endpoint: "127.0.0.1:16686", MemoryBytes: 61e6, Since: since},
		{Name: "alertmanager", Version: "0.31.1", State: stack.Ready, Endpoint: "127.0.0.1:9093", URL: "http://127.0.0.1:9093", MemoryBytes: 38e6, Since: since},
		{Name: "prometheus", Version: "0.316.0", State: stack.Ready, Endpoint: "127.0.0.1:9090", MemoryBytes: 96e6, Since: since},
		{Name: "pager", Version: "dev", State: stack.Ready, Endpoint: "127.0.0.1:8091", URL: "http://127.0.0.1:8091", MemoryBytes: 18e6, Since: since},
		{Name: "server", Version: "dev", State: stack.Ready, Endpoint: "127.0.0.1:8080", URL: "http://127.0.0.1:8080/docs", MemoryBytes: 54e6, Restarts: 1, Since: since},
		{Name: "grafana", State: stack.Absent, Detail: "not installed; the plots above stand in for it"},
	}
}

// prometheusFake evaluates PromQL with Prometheus's own engine.
func prometheusFake(t *testing.T) http.Handler {
	t.Helper()
	storage := teststorage.New(t)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: 10 * time.Second})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	fill(t, storage)

	mux := http.NewServeMux()
	run := func(w http.ResponseWriter, r *http.Request, query promql.Query, err error) {
		if err != nil {
			t.Errorf("query %s: %v", r.Form.Get("query"), err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer query.Close()
		result := query.Exec(r.Context())
		if result.Err != nil {
			http.Error(w, result.Err.Error(), http.StatusUnprocessableEntity)
			return
		}
		answer(w, map[string]any{"resultType": result.Value.Type(), "result": encode(result.Value)})
	}
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		query, err := engine.NewInstantQuery(r.Context(), storage, nil, r.Form.Get("query"), formTime(t, r, "time"))
		run(w, r, query, err)
	})
	mux.HandleFunc("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		step, err := strconv.ParseFloat(r.Form.Get("step"), 64)
		if err != nil {
			t.Errorf("step: %v", err)
		}
		query, err := engine.NewRangeQuery(r.Context(), storage, nil, r.Form.Get("query"),
			formTime(t, r, "start"), formTime(t, r, "end"), time.Duration(step*float64(time.Second)))
		run(w, r, query, err)
	})
	mux.HandleFunc("/api/v1/query_exemplars", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(r.Form.Get("query")); err != nil {
			t.Errorf("query_exemplars: %v", err)
		}
		var exemplars []map[string]any
		for i := range 40 {
			exemplars = append(exemplars, map[string]any{
				"labels":    map[string]string{"trace_id": errorTraceID},
				"value":     strconv.FormatFloat(0.004+0.05*math.Abs(math.Sin(float64(i)*2.3)), 'f', -1, 64),
				"timestamp": float64(testNow.Add(-time.Duration(i)*22*time.Second).Unix()) + 0.25,
			})
		}
		answer(w, []map[string]any{{"seriesLabels": map[string]string{}, "exemplars": exemplars}})
	})
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("unexpected request %s", r.URL) })
	return mux
}

func answer(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func formTime(t *testing.T, r *http.Request, name string) time.Time {
	t.Helper()
	seconds, err := strconv.ParseFloat(r.Form.Get(name), 64)
	if err != nil {
		t.Errorf("parameter %s: %v", name, err)
	}
	return time.UnixMilli(int64(seconds * 1000))
}

func encode(value parser.Value) any {
	sample := func(ms int64, v float64) []any {
		return []any{float64(ms) / 1000, strconv.FormatFloat(v, 'f', -1, 64)}
	}
	result := []map[string]any{}
	switch value := value.(type) {
	case promql.Vector:
		for _, s := range value {
			result = append(result, map[string]any{"metric": s.Metric.Map(), "value": sample(s.T, s.F)})
		}
	case promql.Matrix:
		for _, s := range value {
			var values [][]any
			for _, p := range s.Floats {
				values = append(values, sample(p.T, p.F))
			}
			result = append(result, map[string]any{"metric": s.Metric.Map(), "values": values})
		}
	}
	return result
}

// fill invents 20 minutes of a market: a few requests a second, latency that breathes, and an outage of 90 s.
func fill(t *testing.T, storage *teststorage.TestStorage) {
	t.Helper()
	metric := catalogue.HTTPServerRequestDuration
	counts := map[string]float64{}
	for at := testNow.Add(-20 * time.Minute); !at.After(testNow); at = at.Add(5 * time.Second) {
		app := storage.Appender(t.Context())
		add := func(name string, value float64, pairs ...string) {
			set := labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
			_, err := app.Append(0, set, at.UnixMilli(), value)
			require.NoError(t, err)
		}
		phase := testNow.Sub(at).Minutes()
		requests := 15 + 4*math.Sin(phase*1.1) + 2*math.Sin(phase*4.7)
		bad := 0.0
		if phase < 6 && phase > 4.5 {
			bad = requests
		}
		for status, n := range map[string]float64{"200": requests - bad, "500": bad} {
			series := []string{
				catalogue.HTTPRoute.Name, "/api/v1/products", catalogue.HTTPMethod.Name, "GET", catalogue.HTTPStatus.Name, status,
			}
			counts[status] += n
			add(metric.Count(), counts[status], series...)
			for _, bound := range append(metric.Buckets, math.Inf(1)) {
				below := 1 - math.Exp(-bound/(0.006+0.003*math.Sin(phase)))
				le := strconv.FormatFloat(bound, 'g', -1, 64)
				key := status + le
				counts[key] += n * below
				add(metric.Bucket(), counts[key], append(series, "le", strings.TrimPrefix(le, "+"))...)
			}
		}
		recorded := []string{"service", "market-api", "slo", "api-availability"}
		add(slo.ObjectiveRatio, 0.999, recorded...)
		add(slo.BudgetRemainingRatio, 0.913, recorded...)
		for window, ratio := range map[slo.Window]float64{
			slo.Window5m: 0.0618, slo.Window1h: 0.00431, slo.Window6h: 0.00072, slo.Window3d: 0.00006,
		} {
			add(slo.ErrorRatio(window), ratio, recorded...)
			add(slo.BurnRate(window), ratio/0.001, recorded...)
		}
		for _, job := range []string{"server", "prometheus", "pager"} {
			up := 1.0
			if job == "pager" {
				up = 0
			}
			add("up", up, "job", job, "instance", job+":80")
		}
		add("up", 1, "job", "blackbox", "instance", "server", "probe", "live") // what is probed is no component
		require.NoError(t, app.Commit())
	}
}

// jaegerFake holds one failed trace.
func jaegerFake(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/traces", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("service") != "market-api" || !strings.HasPrefix(query.Get("tags"), `{"http.response.status_code":"50`) || query.Get("start") == "" || query.Get("end") == "" {
			t.Errorf("unexpected search %s", r.URL)
		}
		var traces []string
		for i := range 6 {
			if query.Get("tags") != `{"http.response.status_code":"500"}` {
				break
			}
			traces = append(traces, traceJSON(errorTraceID, testNow.Add(-5*time.Minute-time.Duration(i)*7*time.Second)))
		}
		_, _ = fmt.Fprintf(w, `{"data":[%s],"total":0,"limit":0,"offset":0,"errors":null}`, strings.Join(traces, ","))
	})
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != errorTraceID {
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":[%s],"errors":null}`, traceJSON(errorTraceID, testNow.Add(-5*time.Minute)))
	})
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("unexpected request %s", r.URL) })
	return mux
}

// traceJSON is a failed request as Jaeger 1.76 gives it.
func traceJSON(id string, at time.Time) string {
	tag := func(key string, value any) map[string]any {
		return map[string]any{"key": key, "type": "string", "value": value}
	}
	span := func(spanID, parent, name string, start, duration int64, tags ...map[string]any) map[string]any {
		references := []map[string]any{}
		if parent != "" {
			references = append(references, map[string]any{"refType": "CHILD_OF", "traceID": id, "spanID": parent})
		}
		return map[string]any{
			"traceID": id, "spanID": spanID, "operationName": name, "references": references,
			"startTime": at.UnixMicro() + start, "duration": duration, "tags": tags, "logs": []any{}, "processID": "p1",
		}
	}
	root := span("00f067aa0ba902b7", "", "GET /api/v1/products", 0, 41200, tag("span.kind", "server"), tag("http.request.method", "GET"),
		tag("http.route", "/api/v1/products"), tag("url.path", "/api/v1/products"), tag("http.response.status_code", 500),
		tag("error", true), tag("error.type", "dependency"))
	count := span("00f067aa0ba902b8", "00f067aa0ba902b7", "SELECT products", 900, 6100, tag("span.kind", "client"),
		tag("db.system.name", "sqlite"), tag("db.query.text", "SELECT count(*) FROM products WHERE category = ?"))
	list := span("00f067aa0ba902b9", "00f067aa0ba902b7", "SELECT products", 7200, 33100, tag("span.kind", "client"), tag("error", true),
		tag("db.system.name", "sqlite"), tag("db.query.text", "SELECT * FROM products WHERE category = ? ORDER BY name LIMIT ?"))
	list["logs"] = []any{map[string]any{"timestamp": at.UnixMicro() + 40100, "fields": []any{
		tag("event", "exception"), tag("exception.type", "*sqlite.Error"),
		tag("exception.message", "list products: database is locked (5) (SQLITE_BUSY)"),
	}}}
	raw, err := json.Marshal(map[string]any{
		"traceID": id, "spans": []any{list, root, count}, "warnings": nil,
		"processes": map[string]any{"p1": map[string]any{"serviceName": "market-api", "tags": []any{
			tag("service.version", "dev"), tag("deployment.environment.name", "development"),
		}}},
	})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

const alertmanagerAnswer = `[
 {"labels":{"alertname":"Watchdog"},"annotations":{},"startsAt":"2026-03-07T08:00:00Z"},
 {"labels":{"alertname":"ApiAvailabilityBudgetBurn","severity":"page","slo":"api-availability"},
  "annotations":{"summary":"6.2% of API requests failed in the last 5m","runbook_url":"http://localhost:8090/runbooks/api-availability"},
  "startsAt":"2026-03-07T09:25:10Z"}]`

const pagerAnswer = `[
 {"id":3,"received_at":"2026-03-07T09:25:41Z","status":"firing","group_key":"g","common_labels":{"severity":"page"},
  "common_annotations":{"summary":"6.2% of API requests failed in the last 5m"},"alerts":[{"status":"firing","labels":{"alertname":"A"},"starts_at":"2026-03-07T09:25:10Z"}]},
 {"id":2,"received_at":"2026-03-07T09:12:02Z","status":"resolved","group_key":"g","common_labels":{"severity":"page"},
  "common_annotations":{"summary":"58% of API requests failed in the last 5m"},"alerts":[{"status":"resolved","labels":{"alertname":"A"},"starts_at":"2026-03-07T09:02:10Z"}]},
 {"id":1,"received_at":"2026-03-07T09:03:02Z","status":"firing","group_key":"g","common_labels":{"severity":"page"},
  "common_annotations":{"summary":"58% of API requests failed in the last 5m"},"alerts":[{"status":"firing","labels":{"alertname":"A"},"starts_at":"2026-03-07T09:02:10Z"}]}]`

const runbookText = `# API availability

The budget burns: **requests fail**. See [the other one](target-down.md).

1. Look at the latest failed requests.
2. Roll back.

| window | burn rate |
|---|---|
| 1h | 14.4 |

<script>alert(1)</script>

[click](javascript:alert(1))
`
