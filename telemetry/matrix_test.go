package telemetry_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// answers is a handler that ends in the way that the request's X-Outcome asks for.
type answers struct {
	tel     *telemetry.Telemetry
	started chan struct{} // the handler runs
	proceed chan struct{} // it may go on
}

func newAnswers() *answers {
	return &answers{started: make(chan struct{}, 1), proceed: make(chan struct{}, 1)}
}

// routes are one of each kind that Fiber has.
func (a *answers) routes(app *fiber.App) {
	app.Get("/stalls", a.answer) // Fiber adds HEAD
	app.Put("/stalls/:id", a.answer)
	app.Group("/market").Delete("/stalls/:id/signs/:sign", a.answer)
	app.Get("/pictures/*", a.answer)
	app.All("/anything", a.answer)
}

// plainAnswers are the outcomes that a handler of a few words has.
var plainAnswers = map[string]func(*fiber.Ctx) error{
	"":              func(c *fiber.Ctx) error { return c.SendString("an answer") },
	"created":       func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusCreated) },
	"moved":         func(c *fiber.Ctx) error { return c.Redirect("/elsewhere") },
	"unmodified":    func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNotModified) },
	"malformed":     func(*fiber.Ctx) error { return fiber.ErrBadRequest },
	"forbidden":     func(*fiber.Ctx) error { return fiber.ErrForbidden },
	"missing":       func(*fiber.Ctx) error { return fiber.ErrNotFound },
	"conflict":      func(*fiber.Ctx) error { return fiber.ErrConflict },
	"changed":       func(*fiber.Ctx) error { return fiber.ErrPreconditionFailed },
	"unprocessable": func(*fiber.Ctx) error { return fiber.ErrUnprocessableEntity },
	"broken":        func(*fiber.Ctx) error { return errors.New("the plough is stuck") },
	"panicking":     func(*fiber.Ctx) error { panic("the horse bolted") },
	"unavailable":   func(*fiber.Ctx) error { return fiber.ErrServiceUnavailable },
	"broken-stream": func(c *fiber.Ctx) error {
		return c.SendStream(beginThen(iotest.ErrReader(errors.New("the cart broke"))))
	},
	"panicking-stream": func(c *fiber.Ctx) error {
		return c.SendStream(beginThen(readerFunc(func([]byte) (int, error) { panic("the cart burns") })))
	},
	"file": func(c *fiber.Ctx) error { return c.SendFile("matrix_test.go") },
	"late": func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), time.Millisecond)
		defer cancel()
		<-ctx.Done()
		return fiber.ErrGatewayTimeout
	},
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func beginThen(rest io.Reader) io.Reader { return io.MultiReader(strings.NewReader("a cart"), rest) }

func (a *answers) answer(c *fiber.Ctx) error {
	switch c.Get("X-Outcome") {
	case "slow":
		a.started <- struct{}{}
		<-a.proceed
		time.Sleep(telemetry.GoneAfter) // it looks for the client from then on
		return c.SendString("too late")
	case "stream":
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			_, _ = w.WriteString("one ")
			_ = w.Flush()
			<-a.proceed
			_, _ = w.WriteString("two")
		})
		return nil
	case "endless":
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for w.Flush() == nil {
				_, _ = w.WriteString("more and more ")
			}
		})
		return nil
	}
	if write := writers[c.Get("X-Outcome")]; write != nil {
		a.tel.Stream(c, write)
		return nil
	}
	return plainAnswers[c.Get("X-Outcome")](c)
}

// writers are functions that write a stream.
var writers = map[string]func(*bufio.Writer) error{
	"writer": func(w *bufio.Writer) error {
		_, err := w.WriteString(strings.Repeat("a cart ", 10_000))
		return err
	},
	"broken-stream of a writer": func(w *bufio.Writer) error {
		_, _ = w.WriteString("a cart")
		_ = w.Flush()
		return errors.New("the cart broke")
	},
	"panicking-stream of a writer": func(w *bufio.Writer) error {
		_, _ = w.WriteString("a cart")
		_ = w.Flush()
		panic("the cart burns")
	},
	"endless-stream of a writer": func(w *bufio.Writer) error {
		for {
			if _, err := w.WriteString("more and more "); err != nil {
				return err
			}
		}
	},
}

// ending is how a request must show in every signal.
type ending struct {
	raw       string
	converse  func(*testing.T, net.Conn, *answers) // instead of reading the answer
	span      string
	method    string
	route     string
	status    int
	errorType string
	failed    bool // the span's status is Error, and the line's level
	cut       bool // the answer ends too soon
}

type routeKind struct{ name, method, path, route string }

var routeKinds = []routeKind{
	{"a static route", "GET", "/stalls", "/stalls"},
	{"the HEAD of a GET", "HEAD", "/stalls", "/stalls"},
	{"a route with a parameter", "PUT", "/stalls/7", "/stalls/{id}"},
	{"a route with two, of a group", "DELETE", "/market/stalls/7/signs/left?fast=1", "/market/stalls/{id}/signs/{sign}"},
	{"a wildcard", "GET", "/pictures/of/a/cow.png", "/pictures/*"},
	{"a route of every method", "OPTIONS", "/anything/", "/anything"},
}

// routed are the ways in which a request for a route can end.
var routed = map[string]ending{
	"succeeds":                        {status: 200},
	"creates something":               {raw: "X-Outcome: created", status: 201},
	"is redirected":                   {raw: "X-Outcome: moved", status: 302},
	"finds nothing new":               {raw: "X-Outcome: unmodified", status: 304},
	"is malformed":                    {raw: "X-Outcome: malformed", status: 400, errorType: "validation"},
	"is refused by a middleware":      {raw: "Authorization: forged", status: 401, errorType: "auth"},
	"is forbidden":                    {raw: "X-Outcome: forbidden", status: 403, errorType: "auth"},
	"asks for what is missing":        {raw: "X-Outcome: missing", status: 404, errorType: "not_found"},
	"conflicts":                       {raw: "X-Outcome: conflict", status: 409, errorType: "conflict"},
	"has a precondition that fails":   {raw: "X-Outcome: changed", status: 412, errorType: "conflict"},
	"breaks a rule":                   {raw: "X-Outcome: unprocessable", status: 422, errorType: "validation"},
	"is answered by a middleware":     {raw: "X-Stop: 1", status: 429, errorType: "limited"},
	"meets an error":                  {raw: "X-Outcome: broken", status: 500, errorType: "internal", failed: true},
	"meets a panic":                   {raw: "X-Outcome: panicking", status: 500, errorType: "internal", failed: true},
	"finds a dependency gone":         {raw: "X-Outcome: unavailable", status: 503, errorType: "dependency", failed: true},
	"takes too long":                  {raw: "X-Outcome: late", status: 504, errorType: "timeout", failed: true},
	"is given up by its client":       {raw: "X-Outcome: slow", converse: goAway, status: 200, errorType: "canceled"},
	"is answered with a stream":       {raw: "X-Outcome: stream", converse: readStream, status: 200},
	"is answered with a file":         {raw: "X-Outcome: file", status: 200},
	"is answered by a writer":         {raw: "X-Outcome: writer", status: 200},
	"has a writer that fails":         {raw: "X-Outcome: broken-stream of a writer", status: 200, errorType: "internal", failed: true, cut: true},
	"has a writer that panics":        {raw: "X-Outcome: panicking-stream of a writer", status: 200, errorType: "internal", failed: true, cut: true},
	"leaves its writer alone":         {raw: "X-Outcome: endless-stream of a writer", converse: leaveStream, status: 200, errorType: "canceled"},
	"has a stream that breaks":        {raw: "X-Outcome: broken-stream", status: 200, errorType: "internal", failed: true, cut: true},
	"has a stream that panics":        {raw: "X-Outcome: panicking-stream", status: 200, errorType: "internal", failed: true, cut: true},
	"loses its client in a stream":    {raw: "X-Outcome: endless", converse: leaveStream, status: 200, errorType: "canceled"},
	"is over before its own deadline": {raw: "X-Outcome: ", status: 200},
}

// unknownMethod is answered by Fiber without the error handler.
const unknownMethod = "PLOUGH"

// unrouted are the requests that never come to a route's handler.
var unrouted = map[string]ending{
	"a path that no route matches": {
		raw: get("/etc/passwd"), span: "GET", method: "GET", route: "unmatched", status: 404, errorType: "not_found",
	},
	"a path that no route matches, refused by a middleware": {
		raw: get("/etc/passwd", "Authorization: forged"), span: "GET", method: "GET", route: "unmatched", status: 401, errorType: "auth",
	},
	"a method that the path does not take": {
		raw:  "DELETE /farms/7 HTTP/1.1\r\nHost: test\r\n\r\n",
		span: "DELETE", method: "DELETE", route: "unmatched", status: 405, errorType: "not_found",
	},
	"a method that HTTP does not have": {
		raw:  unknownMethod + " /farms/7 HTTP/1.1\r\nHost: test\r\n\r\n",
		span: "HTTP", method: "_OTHER", route: "unmatched", status: 400, errorType: "validation",
	},
	"headers that are too large": {
		raw:  get("/farms/7", "X-Large: "+strings.Repeat("x", 4096)),
		span: "HTTP", method: "_OTHER", route: "unmatched", status: 431, errorType: "validation",
	},
	"headers that never end": {
		raw:  "GET /farms/7 HTTP/1.1\r\nHost: te",
		span: "HTTP", method: "_OTHER", route: "unmatched", status: 408, errorType: "timeout",
	},
	"a body that never ends": {
		raw:  "POST /farms HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nx",
		span: "POST /farms", method: "POST", route: "/farms", status: 408, errorType: "timeout",
	},
	"a body that is too large": {
		raw:  "POST /farms HTTP/1.1\r\nHost: test\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("x", 4096),
		span: "POST /farms", method: "POST", route: "/farms", status: 413, errorType: "validation",
	},
	"a body that grows too large": {
		raw: "PUT /stalls/7 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"1000\r\n" + strings.Repeat("x", 4096) + "\r\n0\r\n\r\n",
		span: "PUT /stalls/{id}", method: "PUT", route: "/stalls/{id}", status: 413, errorType: "validation",
	},
	"a body whose client goes away": {
		raw: "POST /farms HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nx", converse: hangUp,
		span: "POST /farms", method: "POST", route: "/farms", status: 400, errorType: "canceled",
	},
	"a body whose client breaks off": {
		raw: "POST /farms HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nx", converse: reset,
		span: "POST /farms", method: "POST", route: "/farms", status: 400, errorType: "canceled",
	},
	"no headers at all": {
		raw:  "GET /stalls HTTP/1.0\r\n\r\n",
		span: "GET /stalls", method: "GET", route: "/stalls", status: 200,
	},
	"no headers at all, and a method of its own": {
		raw:  unknownMethod + " /stalls HTTP/1.0\r\n\r\n",
		span: "HTTP", method: "_OTHER", route: "unmatched", status: 400, errorType: "validation",
	},
	"the body of a GET whose client goes away": {
		raw: "GET /stalls HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nx", converse: hangUp,
		span: "GET /stalls", method: "GET", route: "/stalls", status: 400, errorType: "canceled",
	},
	"the body of a GET in pieces whose client goes away": {
		raw: "GET /stalls HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx", converse: hangUp,
		span: "GET /stalls", method: "GET", route: "/stalls", status: 400, errorType: "canceled",
	},
	"a whole URL": {
		raw:  "GET http://test/stalls?page=1 HTTP/1.1\r\nHost: test\r\n\r\n",
		span: "GET /stalls", method: "GET", route: "/stalls", status: 200,
	},
	"a whole URL and a body": {
		raw:  "POST http://test/farms?page=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx",
		span: "POST /farms", method: "POST", route: "/farms", status: 201,
	},
	"a whole URL and a body that is too large": {
		raw:  "POST http://test/farms HTTP/1.1\r\nHost: test\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("x", 4096),
		span: "POST /farms", method: "POST", route: "/farms", status: 413, errorType: "validation",
	},
	"a whole URL without a path, and a body that is too large": {
		raw:  "POST http://test HTTP/1.1\r\nHost: test\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("x", 4096),
		span: "POST", method: "POST", route: "unmatched", status: 413, errorType: "validation",
	},
	"bytes that are not HTTP": {
		raw:  "\x16\x03\x01\r\n\r\n",
		span: "HTTP", method: "_OTHER", route: "unmatched", status: 400, errorType: "validation",
	},
}

// matrix is every kind of route with every ending, and the endings that have no route.
func matrix() map[string]ending {
	all := map[string]ending{}
	for name, e := range unrouted {
		all[name] = e
	}
	for _, kind := range routeKinds {
		for name, e := range routed {
			if kind.method == "HEAD" { // it has no body
				e.cut = false
				if e.converse != nil || strings.Contains(e.raw, "-stream") {
					continue
				}
			}
			headers := ""
			if e.raw != "" {
				headers = e.raw + "\r\n"
			}
			e.raw = kind.method + " " + kind.path + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n"
			e.span, e.method, e.route = kind.method+" "+kind.route, kind.method, kind.route
			all[kind.name+" that "+name] = e
		}
	}
	return all
}

// Every way for a request to end must leave one span, one sample and one log line that agree with each other, and an
// exemplar that leads to a trace.
func TestEveryRequestLeavesOneSpanOneSampleOneLogLineAndAnExemplar(t *testing.T) {
	s := startService(t, nil)
	all := matrix()
	for name, e := range all {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			before, known := s.samples(), len(s.collector.Spans())
			response := s.provoke(e)

			spans := s.collector.WaitForSpans(known + 1)
			require.Equal(t, known+1, len(spans), "exactly one span") //nolint:testifylint // Len would print them
			span := spans[known]
			require.Equal(t, e.span, span.GetName())
			require.Equal(t, tracepb.Span_SPAN_KIND_SERVER, span.GetKind())
			require.Equal(t, e.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, fmt.Sprintf("int_value:%d", e.status), strings.ReplaceAll(telemetrytest.Attribute(span, "http.response.status_code"), " ", ""))
			require.Equal(t, e.failed, span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)

			if _, odd := unrouted[name]; odd && response != nil && e.status >= 400 && !strings.HasPrefix(e.raw, unknownMethod) {
				require.Equal(t, fmt.Sprintf("%x", span.GetTraceId()), response.Header.Get("X-Trace"), "the error handler knows the trace")
			}

			key := fmt.Sprintf("%s %s %d %s", e.method, e.route, e.status, e.errorType)
			after := s.samples()
			require.Equal(t, before.total()+1, after.total(), "exactly one sample")
			require.Equal(t, before[key]+1, after[key], "the sample is under %q", key)

			s.requireLine(e, span)
			s.collector.RequireExemplars(s.tel.MetricsHandler(), fmt.Sprintf(`http_server_request_duration_seconds_bucket{`+
				`error_type=%q,http_request_method=%q,http_response_status_code="%d",http_route=%q,`, e.errorType, e.method, e.status, e.route))
		})
	}
	require.Equal(t, len(all), len(s.collector.Spans()), "one span for each request, and none late") //nolint:testifylint // Len would print them
	require.Equal(t, len(all), int(s.samples().total()))
	require.Equal(t, len(all), len(s.lines("request"))) //nolint:testifylint // Len would print them
	require.Zero(t, s.families()["http_server_active_requests"].GetMetric()[0].GetGauge().GetValue())
}

// provoke sends the request and reads the answer, which it returns where nobody converses.
func (s *service) provoke(e ending) *http.Response {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.addr)
	require.NoError(s.t, err)
	defer conn.Close()
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, e.raw)
	require.NoError(s.t, err)
	if e.converse != nil {
		e.converse(s.t, conn, s.answers)
		return nil
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: e.method})
	require.NoError(s.t, err)
	require.Equal(s.t, e.status, response.StatusCode)
	_, err = io.Copy(io.Discard, response.Body)
	require.Equal(s.t, e.cut, err != nil, "%v", err)
	return response
}

// requireLine wants one line in the access log that says what the span says.
func (s *service) requireLine(e ending, span *tracepb.Span) {
	s.t.Helper()
	trace := fmt.Sprintf("%x", span.GetTraceId())
	var found []map[string]any
	require.Eventually(s.t, func() bool {
		found = nil
		for _, line := range s.lines("request") {
			if line["trace_id"] == trace {
				found = append(found, line)
			}
		}
		return len(found) > 0
	}, 10*time.Second, time.Millisecond)
	require.Len(s.t, found, 1)
	line := found[0]
	require.Equal(s.t, fmt.Sprintf("%x", span.GetSpanId()), line["span_id"])
	require.Equal(s.t, e.method, line["http.request.method"])
	require.Equal(s.t, e.route, line["http.route"])
	require.EqualValues(s.t, e.status, line["http.response.status_code"])
	if e.errorType == "" {
		require.NotContains(s.t, line, "error.type")
	} else {
		require.Equal(s.t, e.errorType, line["error.type"])
	}
	require.Equal(s.t, e.failed, line["level"] == "ERROR", "it is logged as %s", line["level"])
}

func goAway(t *testing.T, conn net.Conn, a *answers) {
	t.Helper()
	<-a.started
	require.NoError(t, conn.Close())
	a.proceed <- struct{}{}
}

func hangUp(t *testing.T, conn net.Conn, _ *answers) {
	t.Helper()
	require.NoError(t, conn.Close())
}

func reset(t *testing.T, conn net.Conn, _ *answers) {
	t.Helper()
	require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
	require.NoError(t, conn.Close())
}

// readStream reads an answer of which nothing may be measured before its end.
func readStream(t *testing.T, conn net.Conn, a *answers) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	begin := make([]byte, 4)
	_, err = io.ReadFull(response.Body, begin)
	require.NoError(t, err)
	require.Equal(t, "one ", string(begin))
	a.proceed <- struct{}{}
	rest, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "two", string(rest))
}

func leaveStream(t *testing.T, conn net.Conn, _ *answers) {
	t.Helper()
	_, err := io.ReadFull(conn, make([]byte, 512))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestAStreamIsMeasuredToItsEnd(t *testing.T) {
	s := startService(t, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, get("/stalls", "X-Outcome: stream"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.ReadFull(response.Body, make([]byte, 4))
	require.NoError(t, err)
	require.Zero(t, s.samples().total(), "the stream is not over")
	require.InDelta(t, 1, s.families()["http_server_active_requests"].GetMetric()[0].GetGauge().GetValue(), 0)
	halfway := time.Now()
	s.answers.proceed <- struct{}{}
	require.NoError(t, response.Body.Close())
	span := s.collector.WaitForSpans(1)[0]
	require.Greater(t, span.GetEndTimeUnixNano(), uint64(halfway.UnixNano()))
	require.Equal(t, 1, int(s.samples().total()))
}
