package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/rum"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

const rumPath = "/api/v1/rum"

// pages is the API with what it makes of reports.
type pages struct {
	app  *fiber.App
	tel  *telemetry.Telemetry
	logs *testlog.Buffer
}

func newPages(t *testing.T, config telemetry.Config) pages {
	t.Helper()
	logs := &testlog.Buffer{}
	config.Service, config.Logs = "test", logs
	tel, err := telemetry.Start(config)
	require.NoError(t, err)
	app := newBareApp(t, func(o *api.Options, _ *brokenStore) {
		o.Telemetry = tel
		o.RUM.Recorder = rum.New(tel, []string{"shop"}, []string{"/", "/products/{id}"})
	})
	return pages{app: app, tel: tel, logs: logs}
}

// metrics is what a scrape finds of browsers.
func (p pages) metrics(t *testing.T) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", "application/openmetrics-text")
	recorder := httptest.NewRecorder()
	p.tel.MetricsHandler().ServeHTTP(recorder, request)
	var lines []string
	for line := range strings.Lines(recorder.Body.String()) {
		if strings.HasPrefix(line, "browser_") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestAReportBecomesMetricsByAppAndPage(t *testing.T) {
	p := newPages(t, telemetry.Config{})
	got := send(t, p.app, user{}, http.MethodPost, rumPath, `{"app":"shop","measurements":[
		{"name":"lcp","value":1.8,"rating":"good","page":"/products/{id}","navigation_type":"navigate"},
		{"name":"inp","value":0.12,"page":"/products/{id}"},{"name":"cls","value":0.3,"page":"/products/{id}"},
		{"name":"ttfb","value":0.09,"page":"/products/{id}"},{"name":"page_load","value":2.1,"page":"/products/{id}"}],
		"errors":[{"kind":"exception","page":"/","type":"TypeError","message":"x"}]}`)
	require.Equal(t, http.StatusNoContent, got.status, string(got.body))
	require.Empty(t, got.body)
	found := p.metrics(t)
	for _, want := range []string{
		`browser_web_vital_lcp_seconds_bucket{app="shop",page="/products/{id}",le="1.5"} 0`,
		`browser_web_vital_lcp_seconds_bucket{app="shop",page="/products/{id}",le="2.0"} 1`,
		`browser_web_vital_inp_seconds_sum{app="shop",page="/products/{id}"} 0.12`,
		`browser_web_vital_cls_ratio_bucket{app="shop",page="/products/{id}",le="0.25"} 0`,
		`browser_web_vital_ttfb_seconds_bucket{app="shop",page="/products/{id}",le="0.1"} 1`,
		`browser_page_load_duration_seconds_count{app="shop",page="/products/{id}"} 1`,
		`browser_errors_total{app="shop",kind="exception",page="/"} 1`,
		`browser_errors_total{app="shop",kind="resource",page="/"} 0`,
	} {
		require.Contains(t, found, want)
	}
}

func TestAReportThatBreaksARuleIsRefusedAsAWhole(t *testing.T) {
	measurement := func(fields string) string {
		return `{"app":"shop","measurements":[{"name":"lcp","value":1,"page":"/"},{` + fields + `}]}`
	}
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"no app":                             {`{"measurements":[]}`, 422},
		"an app of another alphabet":         {`{"app":"<b>"}`, 422},
		"a name that there is not":           {measurement(`"name":"fid","value":1,"page":"/"`), 422},
		"a value below zero":                 {measurement(`"name":"cls","value":-0.1,"page":"/"`), 422},
		"a value beyond an hour":             {measurement(`"name":"lcp","value":3601,"page":"/"`), 422},
		"a value that is no number":          {measurement(`"name":"lcp","value":"1","page":"/"`), 422},
		"a value that is not finite":         {measurement(`"name":"lcp","value":1e999,"page":"/"`), 400},
		"a rating that there is not":         {measurement(`"name":"lcp","value":1,"page":"/","rating":"superb"`), 422},
		"a way to navigate that there isn't": {measurement(`"name":"lcp","value":1,"page":"/","navigation_type":"teleport"`), 422},
		"a page that is a novel":             {measurement(`"name":"lcp","value":1,"page":"/` + strings.Repeat("a", 100) + `"`), 422},
		"a field that there is not":          {`{"app":"shop","user":"nora@example.org"}`, 422},
		"a trace that is none":               {`{"app":"shop","traceparent":"00-x-y-01"}`, 422},
		"too many errors":                    {`{"app":"shop","errors":[` + strings.Repeat(`{"kind":"exception","page":"/"},`, 8) + `{"kind":"exception","page":"/"}]}`, 422},
		"an error of no known kind":          {`{"app":"shop","errors":[{"kind":"mood","page":"/"}]}`, 422},
		"a body of more than 16 KiB":         {`{"app":"shop","release":"` + strings.Repeat("a", 17<<10) + `"}`, 413},
		"no JSON":                            {`lcp=1`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPages(t, telemetry.Config{})
			before := p.metrics(t)
			requireProblem(t, send(t, p.app, user{}, http.MethodPost, rumPath, c.body), c.status)
			require.Equal(t, before, p.metrics(t))
		})
	}
}

func TestWhateverBrowsersReportTheSeriesStayFew(t *testing.T) {
	p := newPages(t, telemetry.Config{})
	names := []string{"lcp", "inp", "cls", "ttfb", "page_load"}
	kinds := []string{"exception", "unhandled_rejection", "resource", "reported"}
	report := func(app, page, text string, value float64) {
		body := map[string]any{"app": app}
		var measurements, errors []map[string]any
		for _, name := range names {
			measurements = append(measurements, map[string]any{"name": name, "value": value, "page": page})
		}
		for _, kind := range kinds {
			errors = append(errors, map[string]any{"kind": kind, "page": page, "message": text, "stack": text})
		}
		body["measurements"], body["errors"] = measurements, errors
		content, err := json.Marshal(body)
		require.NoError(t, err)
		got := send(t, p.app, user{}, http.MethodPost, rumPath, string(content))
		require.Equal(t, http.StatusNoContent, got.status, "%s\n%s", content, got.body)
	}
	for _, app := range []string{"shop", "elsewhere"} {
		for _, page := range []string{"/", "/products/{id}", "/nowhere"} {
			report(app, page, "x", 1)
		}
	}
	all := strings.Count(p.metrics(t), "\n")
	rapid.Check(t, func(rt *rapid.T) {
		app := rapid.OneOf(rapid.Just("shop"), rapid.StringMatching(`[a-z][a-z0-9-]{0,39}`)).Draw(rt, "app")
		page := rapid.OneOf(rapid.Just("/"), rapid.StringN(0, 100, 100)).Draw(rt, "page")
		report(app, page, rapid.StringN(0, 300, 300).Draw(rt, "text"), rapid.Float64Range(0, 3600).Draw(rt, "value"))
	})
	require.Equal(t, all, strings.Count(p.metrics(t), "\n"))
}

func TestAnErrorIsLoggedWithItsPagesTraceAndWithoutItsWords(t *testing.T) {
	p := newPages(t, telemetry.Config{})
	got := send(t, p.app, user{}, http.MethodPost, rumPath, `{"app":"shop","release":"1.4.0",
		"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"errors":[{"kind":"exception","page":"/products/0198c0de","type":"TypeError",
		"message":"no\u0000basket of nora@example.org at https://u:hunter2@shop.example/b?token=hunter2#hunter2, call +353 86 123 4567",
		"stack":"at add (https://shop.example/a.js?user=nora:1:23)"}]}`)
	require.Equal(t, http.StatusNoContent, got.status, string(got.body))
	var line map[string]any
	require.Eventually(t, func() bool {
		for text := range strings.Lines(p.logs.String()) {
			if strings.Contains(text, "error in a page") && json.Unmarshal([]byte(text), &line) == nil {
				return true
			}
		}
		return false
	}, 20*time.Second, time.Millisecond, "the line is written")
	for field, want := range map[string]any{
		"level": "WARN", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "browser.app": "shop", "browser.page": "other",
		"browser.release": "1.4.0", "browser.error.kind": "exception", "browser.error.class": "TypeError",
		"code.file.path": "/a.js", "code.line.number": 1.0,
	} {
		require.Equal(t, want, line[field], field)
	}
	require.Regexp(t, "^[0-9a-f]{16}$", line["browser.error.fingerprint"])
	for _, words := range []string{"hunter2", "nora", "basket", "353", "add", "shop.example"} {
		require.NotContains(t, p.logs.String(), words)
	}
}

func TestAnExemplarPointsToAPagesTraceOnlyWhereTheServerHasIt(t *testing.T) {
	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for name, c := range map[string]struct {
		header, body string
		ratio        float64
		exemplar     bool
	}{
		"the request is in the page's trace":      {"00-" + traceID + "-" + spanID + "-01", "00-" + traceID + "-" + spanID + "-01", 1, true},
		"the browser says it is not sampled":      {"00-" + traceID + "-" + spanID + "-00", "00-" + traceID + "-" + spanID + "-00", 1, true},
		"the request is not recorded":             {"00-" + traceID + "-" + spanID + "-01", "00-" + traceID + "-" + spanID + "-01", 0, false},
		"a beacon, whose trace may be made up":    {"", "00-" + traceID + "-" + spanID + "-01", 1, false},
		"a header that has nothing to do with it": {"00-" + traceID + "-" + spanID + "-01", "00-" + strings.Repeat("a", 32) + "-" + spanID + "-01", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			p := newPages(t, telemetry.Config{OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: c.ratio})
			var header []string
			if c.header != "" {
				header = []string{"traceparent", c.header}
			}
			got := send(t, p.app, user{}, http.MethodPost, rumPath,
				fmt.Sprintf(`{"app":"shop","traceparent":%q,"measurements":[{"name":"lcp","value":1.8,"page":"/"}]}`, c.body), header...)
			require.Equal(t, http.StatusNoContent, got.status, string(got.body))
			found := p.metrics(t)
			require.Equal(t, c.exemplar, strings.Contains(found, `trace_id="`+traceID+`"`), found)
			require.NoError(t, p.tel.Shutdown(t.Context()))
			require.Len(t, collector.Spans(), int(c.ratio))
			if c.exemplar {
				collector.RequireExemplars(p.tel.MetricsHandler(), "browser_web_vital_lcp_seconds_bucket")
			}
			for _, span := range collector.Spans() {
				keys := map[string]int{}
				for _, attribute := range span.GetAttributes() {
					keys[attribute.GetKey()]++
					require.Equal(t, 1, keys[attribute.GetKey()], "%s is said once", attribute.GetKey())
				}
				require.Equal(t, "browser.web_vital", span.GetEvents()[0].GetName())
				require.Equal(t, strings.Contains(c.header, traceID) && c.header == c.body, len(span.GetLinks()) == 0)
			}
		})
	}
}

func TestTheDocumentationSaysInWhichTraceItWasMade(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	p := newPages(t, telemetry.Config{OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1})
	page := get(t, p.app, "/docs")
	require.Equal(t, "private, no-cache", page.header.Get("Cache-Control"), "a trace is of one visit")
	require.NotContains(t, page.header.Get("Content-Security-Policy"), "script-src 'self' 'unsafe-inline'")
	asset := get(t, p.app, "/docs/swagger-ui.css")
	require.Empty(t, asset.header.Get("Server-Timing"))
	require.Contains(t, asset.header.Get("Cache-Control"), "public")
	require.NoError(t, p.tel.Shutdown(t.Context()))
	span := collector.Spans()[0]
	require.Equal(t, fmt.Sprintf(`traceparent;desc="00-%x-%x-01"`, span.GetTraceId(), span.GetSpanId()), page.header.Get("Server-Timing"))
}

func TestTheScriptIsServedOrTheRouteSaysHowToBuildIt(t *testing.T) {
	without := newBareApp(t)
	require.Contains(t, requireProblem(t, get(t, without, "/rum.js"), http.StatusNotFound).Detail, "make build")
	require.NotContains(t, string(get(t, without, "/docs").body), "rum.js")

	path := filepath.Join(t.TempDir(), "rum.js")
	require.NoError(t, os.WriteFile(path, []byte("start()"), 0o600))
	script, err := rum.LoadScript(path)
	require.NoError(t, err)
	app := newBareApp(t, func(o *api.Options, _ *brokenStore) { o.RUM.Script = script })
	require.Contains(t, string(get(t, app, "/docs").body), `<script src="/rum.js"`)
	plain := get(t, app, "/rum.js")
	require.Equal(t, "start()", string(plain.body))
	require.Equal(t, "text/javascript; charset=utf-8", plain.contentType)
	require.Contains(t, plain.header.Get("Cache-Control"), "public, max-age=")
	require.Equal(t, "Accept-Encoding", plain.header.Get("Vary"))

	gzipped := send(t, app, user{}, http.MethodGet, "/rum.js", nil, "Accept-Encoding", "br, gzip")
	require.Equal(t, "gzip", gzipped.header.Get("Content-Encoding"))
	require.NotEqual(t, plain.header.Get("ETag"), gzipped.header.Get("ETag"))
	known := send(t, app, user{}, http.MethodGet, "/rum.js", nil, "If-None-Match", plain.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, known.status)
	require.Empty(t, known.body)
}

func TestScriptsThatCannotBeReadStopTheStart(t *testing.T) {
	script, err := rum.LoadScript(filepath.Join(t.TempDir(), "none.js"))
	require.NoError(t, err)
	require.Nil(t, script)
	_, err = rum.LoadScript(t.TempDir())
	require.ErrorContains(t, err, "RUM_JS")
}
