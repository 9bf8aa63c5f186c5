package telemetry_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// service is a small Fiber service under test, with everything it emits.
type service struct {
	t         *testing.T
	tel       *telemetry.Telemetry
	collector *telemetrytest.Collector
	logs      *testlog.Buffer
	addr      string
}

func startService(t *testing.T, adjust func(*telemetry.Config)) *service {
	t.Helper()
	s := &service{t: t, collector: telemetrytest.NewCollector(t), logs: &testlog.Buffer{}}
	config := telemetry.Config{
		Service: "test", OTLPEndpoint: s.collector.Addr, OTLPInsecure: true, SampleRatio: 1,
		ExportInterval: 10 * time.Millisecond, Logs: s.logs, AccessLogRatio: 1,
	}
	if adjust != nil {
		adjust(&config)
	}
	tel, err := telemetry.Start(config)
	require.NoError(t, err)
	s.tel = tel

	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, ReadBufferSize: 2048, BodyLimit: 1024,
	})
	tel.Use(app)
	app.Use(func(c *fiber.Ctx) error { // as authentication and rate limiting do
		if c.Get("X-Stop") != "" {
			return c.SendStatus(int(c.Get("X-Stop")[0]-'0')*100 + 29)
		}
		if c.Get("Authorization") == "forged" {
			return fiber.ErrUnauthorized
		}
		return c.Next()
	})
	routes(app)
	require.NoError(t, tel.Instrument(app))

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = listener.Addr().String()
	go func() { _ = app.Listener(listener) }()
	t.Cleanup(func() {
		require.NoError(t, app.ShutdownWithTimeout(5*time.Second))
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		_ = tel.Shutdown(ctx)
	})
	return s
}

func routes(app *fiber.App) {
	app.Get("/farms/:id", func(c *fiber.Ctx) error {
		switch c.Params("id") {
		case "missing":
			return fiber.ErrNotFound
		case "broken":
			return errors.New("the plough is stuck")
		case "panicking":
			panic("the horse bolted")
		case "unprocessable":
			return c.SendStatus(fiber.StatusUnprocessableEntity)
		case "moved":
			return c.Redirect("/elsewhere")
		}
		return c.SendString("a farm")
	})
	app.Post("/farms", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusCreated) })
}

// send writes raw bytes, because some of the requests are not HTTP that a client would send.
func (s *service) send(raw string) *http.Response {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.addr)
	require.NoError(s.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, raw)
	require.NoError(s.t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(s.t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// Every way for a request to end must leave one span, one sample and one log line that agree with each other.
func TestEveryRequestLeavesOneSpanOneSampleAndOneLogLine(t *testing.T) {
	for name, c := range map[string]struct {
		raw       string
		span      string
		status    int
		route     string
		method    string
		errorType string
		failed    bool // the span's status is Error
	}{
		"a request that succeeds": {
			raw: get("/farms/7"), span: "GET /farms/{id}", status: 200, route: "/farms/{id}", method: "GET",
		},
		"a redirect": {
			raw: get("/farms/moved"), span: "GET /farms/{id}", status: 302, route: "/farms/{id}", method: "GET",
		},
		"a resource that is missing": {
			raw: get("/farms/missing"), span: "GET /farms/{id}", status: 404, route: "/farms/{id}", method: "GET", errorType: "not_found",
		},
		"a path that no route matches": {
			raw: get("/etc/passwd"), span: "GET", status: 404, route: "unmatched", method: "GET", errorType: "not_found",
		},
		"a method that the path does not take": {
			raw:  "DELETE /farms/7 HTTP/1.1\r\nHost: test\r\n\r\n",
			span: "DELETE", status: 405, route: "unmatched", method: "DELETE", errorType: "not_found",
		},
		"a method that HTTP does not have": {
			raw:  "PLOUGH /farms/7 HTTP/1.1\r\nHost: test\r\n\r\n",
			span: "HTTP", status: 400, route: "unmatched", method: "_OTHER", errorType: "validation",
		},
		"a request that a middleware refuses with an error": {
			raw:  get("/farms/7", "Authorization: forged"),
			span: "GET /farms/{id}", status: 401, route: "/farms/{id}", method: "GET", errorType: "auth",
		},
		"a request that a middleware answers itself": {
			raw:  get("/farms/7", "X-Stop: 4"),
			span: "GET /farms/{id}", status: 429, route: "/farms/{id}", method: "GET", errorType: "limited",
		},
		"input that breaks a rule": {
			raw:  get("/farms/unprocessable"),
			span: "GET /farms/{id}", status: 422, route: "/farms/{id}", method: "GET", errorType: "validation",
		},
		"an error of the handler": {
			raw:  get("/farms/broken"),
			span: "GET /farms/{id}", status: 500, route: "/farms/{id}", method: "GET", errorType: "internal", failed: true,
		},
		"a panic of the handler": {
			raw:  get("/farms/panicking"),
			span: "GET /farms/{id}", status: 500, route: "/farms/{id}", method: "GET", errorType: "internal", failed: true,
		},
		"headers that are too large": {
			raw:  get("/farms/7", "X-Large: "+strings.Repeat("x", 4096)),
			span: "HTTP", status: 431, route: "unmatched", method: "_OTHER", errorType: "validation",
		},
		"a body that is too large": {
			raw:  "POST /farms HTTP/1.1\r\nHost: test\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("x", 4096),
			span: "POST /farms", status: 413, route: "/farms", method: "POST", errorType: "validation",
		},
		"bytes that are not HTTP": {
			raw:  "\x16\x03\x01\r\n\r\n",
			span: "HTTP", status: 400, route: "unmatched", method: "_OTHER", errorType: "validation",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, nil)
			before := s.samples()
			require.Equal(t, c.status, s.send(c.raw).StatusCode)

			spans := s.collector.WaitForSpans(1)
			require.Len(t, spans, 1)
			require.Equal(t, c.span, spans[0].GetName())
			require.Equal(t, tracepb.Span_SPAN_KIND_SERVER, spans[0].GetKind())
			require.Equal(t, c.errorType, telemetrytest.Attribute(spans[0], "error.type"))
			require.Equal(t, c.failed, spans[0].GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)

			key := fmt.Sprintf("%s %s %d %s", c.method, c.route, c.status, c.errorType)
			after := s.samples()
			require.Equal(t, before.total()+1, after.total(), "exactly one sample")
			require.Equal(t, before[key]+1, after[key], "the sample is under %q; there are %v", key, after)

			lines := s.lines("request")
			require.Len(t, lines, 1)
			require.EqualValues(t, c.status, lines[0]["http.response.status_code"])
			require.Equal(t, c.route, lines[0]["http.route"])
			require.Equal(t, fmt.Sprintf("%x", spans[0].GetTraceId()), lines[0]["trace_id"])
			require.Equal(t, fmt.Sprintf("%x", spans[0].GetSpanId()), lines[0]["span_id"])
		})
	}
}

func TestAPanicIsKeptWithItsStack(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/panicking"))
	span := s.collector.WaitForSpans(1)[0]
	require.Len(t, span.GetEvents(), 1)
	require.Equal(t, "exception", span.GetEvents()[0].GetName())
	line := s.lines("request")[0]
	require.Equal(t, "panic: the horse bolted", line["error"])
	require.Contains(t, line["stack"], "routes", "the stack leads to the handler")
}

func TestTheDurationIsTheSpansDuration(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/7"))
	span := s.collector.WaitForSpans(1)[0]
	seconds := time.Duration(span.GetEndTimeUnixNano() - span.GetStartTimeUnixNano()).Seconds()
	sum := 0.0
	for _, m := range s.families()["http_server_request_duration_seconds"].GetMetric() {
		sum += m.GetHistogram().GetSampleSum()
	}
	require.InDelta(t, seconds, sum, 1e-6, "clocks of spans and of durations may differ below a microsecond")
}

func TestTheFirstErrorOfARouteIsAnIncrease(t *testing.T) {
	s := startService(t, nil)
	samples := s.samples()
	require.Contains(t, samples, "GET /farms/{id} 500 internal", "the series exists before the first error")
	require.Contains(t, samples, "POST /farms 503 dependency")
	require.Zero(t, samples.total())
}

// A client must not be able to make series, whatever it sends.
func TestHostileRequestsLeaveTheNumberOfSeriesConstant(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.SampleRatio = io.Discard, 0 })
	attack := func(from, to int) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for i := from; i < to; i++ {
			path := []string{"/farms/%d", "/%d", "/farms/%d/x"}[i%3]
			method := []string{"GET", "POST", "DELETE"}[i%3]
			fmt.Fprintf(conn, method+" "+path+" HTTP/1.1\r\nHost: h%d\r\nUser-Agent: u%d\r\nContent-Length: 0\r\n\r\n", i, i, i)
			response, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
	}
	attack(0, 30)
	before := len(s.samples())
	attack(30, 10_000)
	require.Len(t, s.samples(), before)
}

func TestAnExemplarPointsToASampledTrace(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/7"))
	span := s.collector.WaitForSpans(1)[0]
	require.Contains(t, s.scrape("application/openmetrics-text"), fmt.Sprintf(`trace_id="%x"`, span.GetTraceId()))
}

func TestARequestThatIsNotSampledGivesNoExemplar(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.SampleRatio = 0 })
	s.send(get("/farms/7"))
	require.EqualValues(t, 1, s.samples()["GET /farms/{id} 200 "])
	require.NotContains(t, s.scrape("application/openmetrics-text"), "trace_id=")
}

func TestTheCallersTraceIsContinued(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.SampleRatio = 0 })
	s.send(get("/farms/7", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	span := s.collector.WaitForSpans(1)[0]
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", fmt.Sprintf("%x", span.GetTraceId()))
	require.Equal(t, "00f067aa0ba902b7", fmt.Sprintf("%x", span.GetParentSpanId()))
}

func TestSecretsInTheQueryAreNotRecorded(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/7?page=2&reset_token=hunter2&e%6dail=ann@example.org"))
	span := s.collector.WaitForSpans(1)[0]
	query := telemetrytest.Attribute(span, "url.query")
	require.Contains(t, query, "page=2")
	require.NotContains(t, query, "hunter2")
	require.NotContains(t, query, "ann@example.org")
	require.NotContains(t, s.logs.String(), "hunter2")
}

func TestErrorsAreLoggedEvenWhenSuccessesAreNot(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.AccessLogRatio = 0 })
	s.send(get("/farms/7"))
	s.send(get("/farms/broken"))
	lines := s.lines("request")
	require.Len(t, lines, 1)
	require.Equal(t, "the plough is stuck", lines[0]["error"])
}

func TestAQuietRouteIsMeasuredButNeitherTracedNorLogged(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Quiet = []string{"/farms/{id}"} })
	s.send(get("/farms/7"))
	s.send(get("/elsewhere"))
	require.Equal(t, "GET", s.collector.WaitForSpans(1)[0].GetName())
	require.Len(t, s.lines("request"), 1)
	require.EqualValues(t, 1, s.samples()["GET /farms/{id} 200 "])
	s.send(get("/farms/broken"))
	require.Eventually(t, func() bool { return len(s.lines("request")) == 2 }, 10*time.Second, time.Millisecond, "a failure is logged")
}

// samples counts the requests by method, route, status and error type.
type samples map[string]uint64

func (s samples) total() uint64 {
	var sum uint64
	for _, n := range s {
		sum += n
	}
	return sum
}

func (s *service) samples() samples {
	s.t.Helper()
	found := samples{}
	for _, m := range s.families()["http_server_request_duration_seconds"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		found[fmt.Sprintf("%s %s %s %s", labels["http_request_method"], labels["http_route"],
			labels["http_response_status_code"], labels["error_type"])] = m.GetHistogram().GetSampleCount()
	}
	return found
}

func (s *service) families() map[string]*dto.MetricFamily {
	s.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.scrape("text/plain")))
	require.NoError(s.t, err)
	return families
}

func (s *service) scrape(accept string) string {
	s.t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	s.tel.MetricsHandler().ServeHTTP(recorder, request)
	require.Equal(s.t, http.StatusOK, recorder.Code)
	return recorder.Body.String()
}

// lines returns the log lines with this message. A line is written after the answer, so it waits for one.
func (s *service) lines(message string) []map[string]any {
	s.t.Helper()
	var found []map[string]any
	require.Eventually(s.t, func() bool {
		found = nil
		for line := range strings.Lines(s.logs.String()) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
				found = append(found, fields)
			}
		}
		return len(found) > 0
	}, 10*time.Second, time.Millisecond)
	return found
}
