package telemetry_test

import (
	"bufio"
	"context"
	"encoding/hex"
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
	answers   *answers
	addr      string
}

func startService(t *testing.T, adjust func(*telemetry.Config), more ...func(*fiber.App)) *service {
	t.Helper()
	s := &service{t: t, collector: telemetrytest.NewCollector(t), logs: &testlog.Buffer{}, answers: newAnswers()}
	config := telemetry.Config{
		Service: "test", OTLPEndpoint: s.collector.Addr, OTLPInsecure: true, SampleRatio: 1,
		ExportInterval: 10 * time.Millisecond, Logs: s.logs, AccessLogRatio: 1,
	}
	if adjust != nil {
		adjust(&config)
	}
	tel, err := telemetry.Start(config)
	require.NoError(t, err)
	s.tel, s.answers.tel = tel, tel

	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, ReadBufferSize: 2048, BodyLimit: 1024, ReadTimeout: time.Second, IdleTimeout: time.Minute,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			c.Set("X-Trace", telemetry.TraceID(c.UserContext()))
			return fiber.DefaultErrorHandler(c, err)
		},
	})
	tel.Use(app)
	app.Use(func(c *fiber.Ctx) error { // as authentication and rate limiting do
		if c.Get("X-Stop") != "" {
			return c.SendStatus(fiber.StatusTooManyRequests)
		}
		if c.Get("Authorization") == "forged" {
			return fiber.ErrUnauthorized
		}
		return c.Next()
	})
	routes(app)
	s.answers.routes(app)
	for _, add := range more {
		add(app)
	}
	tel.Instrument(app)

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
		}
		return c.SendString("a farm")
	})
	app.Post("/farms", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusCreated) })
}

func manyRoutes(app *fiber.App) {
	for i := range 1000 {
		app.Get(fmt.Sprintf("/many/%d/:id", i), func(c *fiber.Ctx) error { return c.SendString("one of many") })
	}
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
	for name, flags := range map[string]string{"that it samples": "01", "that it does not sample": "00"} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, nil)
			s.send(get("/farms/7", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"+flags))
			span := s.collector.WaitForSpans(1)[0]
			require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", fmt.Sprintf("%x", span.GetTraceId()))
			require.Equal(t, "00f067aa0ba902b7", fmt.Sprintf("%x", span.GetParentSpanId()))
		})
	}
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

func TestAQuietRouteIsMeasuredAndOnlyItsFailuresAreTracedAndLogged(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Quiet = []string{"/farms/{id}"} })
	s.send(get("/farms/7"))
	s.send(get("/elsewhere"))
	require.Equal(t, "GET", s.collector.WaitForSpans(1)[0].GetName())
	require.Len(t, s.lines("request"), 1)
	require.EqualValues(t, 1, s.samples()["GET /farms/{id} 200 "])

	s.send(get("/farms/broken"))
	spans := s.collector.WaitForSpans(2)
	require.Len(t, spans, 2, "that of the failed request, and none of what its handler did")
	require.Equal(t, "GET /farms/{id}", spans[1].GetName())
	require.Equal(t, "internal", telemetrytest.Attribute(spans[1], "error.type"))
	require.Eventually(t, func() bool { return len(s.lines("request")) == 2 }, 10*time.Second, time.Millisecond, "a failure is logged")
	require.Equal(t, hex.EncodeToString(spans[1].GetTraceId()), s.lines("request")[1]["trace_id"])
	require.Equal(t, hex.EncodeToString(spans[1].GetSpanId()), s.lines("request")[1]["span_id"])
	s.collector.RequireExemplars(s.tel.MetricsHandler(), `http_server_request_duration_seconds_bucket{error_type="internal",`)
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
