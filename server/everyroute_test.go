package main_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// route is an operation of the API.
type route struct {
	method, template string
	body, secured    bool // whether it takes a body, and wants to know who asks
}

// ending is a way for a request to end that can be brought about on many routes.
type ending struct {
	settings []string
	fault    string // that is injected
	applies  func(route) bool
	change   func(*http.Request)
	before   int  // requests that are sent before the one that counts
	headers  bool // only these are sent: who is refused while it sends a body may not see the answer
	status   int  // of every answer; 0: whatever it is
	injected bool
}

func anyRoute(route) bool { return true }

func endings() map[string]ending {
	const long = 2 << 20
	return map[string]ending{
		"as it is asked for by a stranger": {applies: func(r route) bool { return !r.quiet() }},
		"without permission": {
			applies: func(r route) bool { return r.secured },
			change:  func(r *http.Request) { r.Header.Set("Authorization", "Bearer forged") }, status: http.StatusUnauthorized,
		},
		"with a body that is too large": {
			applies: func(r route) bool { return r.body && !strings.HasSuffix(r.template, "/image") },
			change:  func(r *http.Request) { r.ContentLength = long }, headers: true,
			status: http.StatusRequestEntityTooLarge,
		},
		"with a body in an encoding that is not taken": {
			applies: func(r route) bool { return r.body },
			change:  func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, status: http.StatusUnsupportedMediaType,
		},
		"with more requests than are allowed": {
			settings: []string{
				"RATE_LIMIT_EXEMPT=", "RATE_LIMIT_AUTH=1/1h", "RATE_LIMIT_WRITES=1/1h", "RATE_LIMIT_IMAGES=1/1h", "RATE_LIMIT_READS=1/1h",
				"RATE_LIMIT_RUM=1/1h",
			},
			applies: func(r route) bool {
				return strings.HasPrefix(r.template, "/api/v1/") && !strings.Contains(r.template, "/webhook/")
			},
			before: 1, status: http.StatusTooManyRequests,
		},
		"with an error": {fault: `{"route":"*","error_rate":1,"duration":"1h"}`, applies: anyRoute, status: http.StatusInternalServerError, injected: true},
		"with a dependency that is gone": {
			fault: `{"route":"*","error_rate":1,"status":503,"duration":"1h"}`, applies: func(r route) bool { return !r.quiet() }, status: http.StatusServiceUnavailable, injected: true,
		},
		"with a panic": {
			fault: `{"route":"*","error_rate":1,"panic":true,"duration":"1h"}`, applies: anyRoute, status: http.StatusInternalServerError, injected: true,
		},
		"too late": {
			settings: []string{"REQUEST_TIMEOUT=50ms"},
			fault:    `{"route":"*","latency":{"distribution":"fixed","mean":"20s"},"duration":"1h"}`, applies: anyRoute, status: http.StatusGatewayTimeout,
		},
	}
}

// TestEveryRouteIsSeenHoweverItsRequestsEnd wants one span, one sample, one log line and an exemplar of each request to the real
// service that agree with its answer. telemetry's own matrix has the endings that do not depend on the route.
func TestEveryRouteIsSeenHoweverItsRequestsEnd(t *testing.T) {
	routes := operations(t)
	for sentence, e := range endings() {
		t.Run(sentence, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			p := start(t, append([]string{"OTLP_ENDPOINT=" + collector.Addr, "TRACE_SAMPLE_RATIO=1", "ACCESS_LOG_RATIO=1"}, e.settings...)...)
			if e.fault != "" {
				status, body := ask(t, http.MethodPost, p.admin+"/admin/faults", e.fault)
				require.Equal(t, http.StatusCreated, status, body)
			}
			var asked []answered
			for _, r := range routes {
				if e.applies(r) {
					asked = append(asked, e.provoke(p, r)...)
				}
			}
			require.NotEmpty(t, asked)
			requireSamples(t, p, collector, asked)
			require.Zero(t, p.stop(syscall.SIGTERM))
			requireSpans(t, collector, asked)
			requireLines(t, p, asked)
		})
	}
}

// quiet are the routes that probes ask all the time: while they do not fail, they are only measured.
func (r route) quiet() bool {
	return strings.HasSuffix(r.template, "/live") || strings.HasSuffix(r.template, "/ready") || strings.HasSuffix(r.template, "/health")
}

// operations returns those of the API's own description, the pages beside it, and the HEAD of each GET.
func operations(t *testing.T) []route {
	t.Helper()
	text, err := os.ReadFile("../docs/openapi.json")
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody json.RawMessage `json:"requestBody"`
			Security    []any           `json:"security"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(text, &document))
	var all []route
	for template, methods := range document.Paths {
		for method, operation := range methods {
			all = append(all, route{strings.ToUpper(method), template, operation.RequestBody != nil, len(operation.Security) > 0})
		}
	}
	for _, template := range []string{"/docs", "/docs/*", "/openapi.json", "/openapi.yaml", "/rum.js", "/images/{name}"} {
		all = append(all, route{method: http.MethodGet, template: template})
	}
	for _, r := range all {
		if r.method == http.MethodGet {
			r.method = http.MethodHead
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b route) int { return strings.Compare(a.template+a.method, b.template+b.method) })
	return all
}

// answered is a request that was sent, and what came back.
type answered struct {
	route

	trace  string
	status int

	injected bool
}

func (a answered) errorType() string {
	switch {
	case a.injected:
		return "injected"
	case strings.Contains(a.template, "/webhook/") && a.status == http.StatusBadRequest: // a signature that is none
		return "auth"
	case a.status < http.StatusBadRequest:
		return ""
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return "auth"
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed:
		return "not_found"
	case a.status == http.StatusConflict, a.status == http.StatusPreconditionFailed:
		return "conflict"
	case a.status == http.StatusTooManyRequests:
		return "limited"
	case a.status < http.StatusInternalServerError:
		return "validation"
	case a.status == http.StatusServiceUnavailable:
		return "dependency"
	case a.status == http.StatusGatewayTimeout:
		return "timeout"
	}
	return "internal"
}

// provoke sends the request as often as this ending takes.
func (e ending) provoke(p *process, r route) []answered {
	p.t.Helper()
	path := strings.NewReplacer("{provider}", "sandbox", "*", "swagger-ui.css").Replace(r.template)
	path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, uuid.NewString())
	var all []answered
	for n := range e.before + 1 {
		trace := make([]byte, 16)
		_, _ = rand.Read(trace)
		request, err := http.NewRequestWithContext(p.t.Context(), r.method, p.api+path, http.NoBody)
		require.NoError(p.t, err)
		request.Header.Set("traceparent", fmt.Sprintf("00-%x-b7ad6b7169203331-01", trace))
		if r.body {
			setBody(request, "{}")
		}
		if e.change != nil {
			e.change(request)
		}
		response := e.send(p.t, request)
		body, err := io.ReadAll(response.Body)
		require.NoError(p.t, err)
		require.NoError(p.t, response.Body.Close())
		if n == e.before && e.status != 0 {
			require.Equal(p.t, e.status, response.StatusCode, "%s %s: %s", r.method, path, body)
		}
		all = append(all, answered{r, hex.EncodeToString(trace), response.StatusCode, e.injected})
	}
	return all
}

func (e ending) send(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	if !e.headers {
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		return response
	}
	text, err := httputil.DumpRequestOut(request, false)
	require.NoError(t, err)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", request.URL.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // the server may have
	_, err = conn.Write(text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err)
	return response
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/json")
}

func requireSamples(t *testing.T, p *process, collector *telemetrytest.Collector, asked []answered) {
	t.Helper()
	expected := map[string]int{}
	for _, a := range asked {
		expected[fmt.Sprintf(`error_type=%q,http_request_method=%q,http_response_status_code="%d",http_route=%q`, a.errorType(), a.method, a.status, a.template)]++
	}
	_, page := ask(t, http.MethodGet, p.admin+"/metrics", "")
	got := map[string]int{}
	for _, found := range regexp.MustCompile(`(?m)^http_server_request_duration_seconds_count\{(.*)\} (\d+)$`).FindAllStringSubmatch(page, -1) {
		var n int
		_, err := fmt.Sscan(found[2], &n)
		require.NoError(t, err)
		if n > 0 {
			got[found[1]] += n
		}
	}
	require.Equal(t, expected, got)

	address, err := url.Parse(p.admin)
	require.NoError(t, err)
	admin := httputil.NewSingleHostReverseProxy(address)
	for labels := range expected {
		collector.RequireExemplars(admin, "http_server_request_duration_seconds_bucket{"+labels+",")
	}
}

func requireSpans(t *testing.T, collector *telemetrytest.Collector, asked []answered) {
	t.Helper()
	byTrace := map[string][]*tracepb.Span{}
	for _, span := range collector.Spans() {
		if span.GetKind() == tracepb.Span_SPAN_KIND_SERVER {
			id := hex.EncodeToString(span.GetTraceId())
			byTrace[id] = append(byTrace[id], span)
		}
	}
	require.Len(t, byTrace, len(asked))
	for _, a := range asked {
		require.Len(t, byTrace[a.trace], 1, "%s %s", a.method, a.template)
		span := byTrace[a.trace][0]
		require.Equal(t, a.method+" "+a.template, span.GetName())
		require.Equal(t, a.template, telemetrytest.Attribute(span, "http.route"))
		require.Equal(t, a.errorType(), telemetrytest.Attribute(span, "error.type"), span.GetName())
		require.Equal(t, a.status >= http.StatusInternalServerError, span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR, span.GetName())
	}
}

func requireLines(t *testing.T, p *process, asked []answered) {
	t.Helper()
	byTrace := map[string][]map[string]any{}
	total := 0
	for line := range bytes.Lines([]byte(p.logs.String())) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields), "%s", line)
		if fields["msg"] == "request" {
			total++
			byTrace[fields["trace_id"].(string)] = append(byTrace[fields["trace_id"].(string)], fields)
		}
	}
	require.Equal(t, len(asked), total)
	for _, a := range asked {
		require.Len(t, byTrace[a.trace], 1, "%s %s", a.method, a.template)
		line := byTrace[a.trace][0]
		require.Equal(t, a.template, line["http.route"])
		require.InDelta(t, a.status, line["http.response.status_code"], 0, a.template)
		errorType, _ := line["error.type"].(string)
		require.Equal(t, a.errorType(), errorType, a.template)
	}
}
