package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// slowRequest is the duration from which a request is logged whatever the access log's ratio: the API's target is a
// p95 under 500 ms.
const slowRequest = 500 * time.Millisecond

// maxStack bounds the stack kept of a panic, in bytes.
const maxStack = 8 << 10

// httpInstruments measures a Fiber app from outside, around the whole of it: fasthttp answers some requests before
// Fiber sees them, and Fiber some before any middleware runs.
type httpInstruments struct {
	telemetry *Telemetry
	duration  *prometheus.HistogramVec
	active    prometheus.Gauge
	table     *routeTable
	unmatched map[string]*route
	bodies    bodies
}

func newHTTPInstruments(t *Telemetry) *httpInstruments {
	h := &httpInstruments{
		telemetry: t,
		duration:  t.Metrics.Histogram(catalogue.HTTPServerRequestDuration),
		active:    t.Metrics.Gauge(catalogue.HTTPServerActiveRequests).WithLabelValues(),
		unmatched: map[string]*route{},
	}
	for _, method := range catalogue.HTTPMethod.Values {
		h.unmatched[method] = &route{method: method, spanName: spanName(method, "")}
	}
	return h
}

// exchangeKey finds the exchange among a request's user values.
type exchangeKey struct{}

// exchange is one request on its way, and what is learnt of it. It is also the request's context, so that whoever
// handles the request can add to it. Only the handler's own goroutine may.
type exchange struct {
	context.Context //nolint:containedctx // it is a context

	start     time.Time
	span      trace.Span
	route     *route
	errorType string // set by the service; otherwise the status tells
	fault     string // kind of the injected fault
	err       error
	exemplar  bool // its histogram points to it
}

// Value finds the exchange itself, and else what its parent holds.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// Use adds the middleware that gives handlers their trace context and turns a panic into an error for the app's error
// handler. It must come before every other middleware.
func (t *Telemetry) Use(app *fiber.App) {
	app.Use(func(c *fiber.Ctx) (err error) {
		x := exchangeOf(c.Context())
		if x == nil { // the app is not instrumented yet, as in a test of a handler
			return c.Next()
		}
		c.SetUserContext(x)
		defer func() {
			if p := recover(); p != nil {
				err = newPanicError(p)
			}
			if err != nil {
				x.err = err
			}
		}()
		return c.Next()
	})
}

// Option adjusts Instrument.
type Option func(*instrumentOptions)

type instrumentOptions struct {
	outcomes func(method, route string) []int
}

// WithOutcomes names the status codes that each route may answer with. Their series exist at 0 from the start, so that
// the first error is already an increase.
func WithOutcomes(outcomes func(method, route string) []int) Option {
	return func(o *instrumentOptions) { o.outcomes = outcomes }
}

// Instrument measures every request to the app from now on. It must come after the last route is registered and before
// the app listens. A route whose path it cannot follow is an error.
func (t *Telemetry) Instrument(app *fiber.App, options ...Option) error {
	o := instrumentOptions{outcomes: func(string, string) []int {
		return []int{fiber.StatusOK, fiber.StatusInternalServerError, fiber.StatusServiceUnavailable}
	}}
	for _, option := range options {
		option(&o)
	}
	handler := app.Handler() // also completes the app's route stack
	if err := t.http.register(app, o.outcomes); err != nil {
		return err
	}
	server := app.Server()
	server.Logger, server.SecureErrorLogMessage = serverLogger{t.Logger}, true // or its errors have headers in them
	server.Handler = t.http.wrap(handler)
	answerError := server.ErrorHandler
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		err = withoutContent(err)
		t.http.wrap(func(ctx *fasthttp.RequestCtx) { answerUnread(ctx, err, answerError) })(ctx)
	}
	received := server.HeaderReceived
	server.HeaderReceived = func(header *fasthttp.RequestHeader) (config fasthttp.RequestConfig) {
		t.http.bodies.expect(header, t.http.find)
		if received != nil {
			config = received(header)
		}
		return config
	}
	return nil
}

func (h *httpInstruments) register(app *fiber.App, outcomes func(method, route string) []int) error {
	h.table = newRouteTable(app.Config())
	var problems []error
	for i, registered := range app.GetRoutes(true) {
		path := template(registered.Path)
		r := &route{
			method: registered.Method, template: path, spanName: spanName(registered.Method, path), order: i,
			quiet: slices.Contains(h.telemetry.config.Quiet, path),
		}
		problems = append(problems, h.table.add(registered.Method, registered.Path, r))
		if registered.Method == fiber.MethodHead { // Fiber adds one to every GET; nobody waits for its first error
			continue
		}
		for _, status := range outcomes(registered.Method, path) {
			h.series(r, outcome{status, errorTypeOf(status)})
		}
	}
	return errors.Join(problems...)
}

func (h *httpInstruments) series(r *route, o outcome) *durationSeries {
	return r.series.get(o, func(o outcome) *durationSeries {
		return newDurationSeries(h.duration, r.method, r.label(), o)
	})
}

// wrap measures one fasthttp handler.
func (h *httpInstruments) wrap(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		x := h.begin(ctx)
		defer func() {
			if p := recover(); p != nil { // outside the middleware's reach, in the error handler for one
				x.err = newPanicError(p)
				ctx.Error(fasthttp.StatusMessage(fasthttp.StatusInternalServerError), fasthttp.StatusInternalServerError)
			}
			if ctx.Response.IsBodyStream() {
				follow(&ctx.Response, func(stream *followedStream) { h.end(ctx, x, stream) })
				return
			}
			h.end(ctx, x, nil)
		}()
		next(ctx)
	}
}

func (h *httpInstruments) begin(ctx *fasthttp.RequestCtx) *exchange {
	x := &exchange{start: time.Now(), route: h.routeOf(ctx)}
	x.Context, x.span = h.telemetry.tracer.Start(h.parent(ctx), x.route.spanName,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.start))
	if x.span.IsRecording() {
		x.span.SetAttributes(h.telemetry.requestAttributes(ctx, x.route)...)
	}
	h.active.Inc()
	ctx.SetUserValue(exchangeKey{}, x)
	return x
}

func (h *httpInstruments) routeOf(ctx *fasthttp.RequestCtx) *route {
	if r := h.bodies.take(&ctx.Request.Header); r != nil {
		return r
	}
	if len(ctx.Request.Header.RawHeaders()) == 0 { // it could not be parsed, and Method says GET for want of better
		return h.unmatched["_OTHER"]
	}
	return h.find(knownMethod(ctx.Method()), ctx.URI().PathOriginal())
}

// find returns the route, or what stands for all that are unmatched.
func (h *httpInstruments) find(method string, path []byte) *route {
	if found := h.table.find(method, path); found != nil {
		return found
	}
	return h.unmatched[method]
}

// parent reads the caller's trace context. Most requests bring none.
func (h *httpInstruments) parent(ctx *fasthttp.RequestCtx) context.Context {
	header := &ctx.Request.Header
	if len(header.Peek("traceparent")) == 0 && len(header.Peek("baggage")) == 0 {
		return context.Background()
	}
	return h.telemetry.propagator.Extract(context.Background(), headerCarrier{header})
}

// end measures what is over. stream is the body of a response that was streamed, else nil.
func (h *httpInstruments) end(ctx *fasthttp.RequestCtx, x *exchange, stream *followedStream) {
	end := time.Now()
	duration := end.Sub(x.start)
	status := ctx.Response.StatusCode()
	o := outcome{status: status, errorType: x.errorType}
	if o.errorType == "" {
		o.errorType = errorTypeOf(status)
	}
	if stream != nil {
		o = stream.outcome(o)
		x.err = stream.cause(x.err)
	} else if o.errorType == "" && duration >= goneAfter && clientGone(ctx.Conn()) {
		o.errorType = catalogue.ErrorCanceled
	}
	h.active.Dec()
	x.exemplar = h.series(x.route, o).observe(duration, end, x.span.SpanContext())
	h.endSpan(x, o, end)
	h.logAccess(ctx, x, o, duration)
	h.reportError(x, o)
}

// failed says whether the service is to blame. A 4xx is the client's error, and so is going away.
func (o outcome) failed() bool {
	return o.status >= fiber.StatusInternalServerError ||
		o.status < fiber.StatusBadRequest && (o.errorType == catalogue.ErrorInternal || o.errorType == catalogue.ErrorTimeout)
}

func (h *httpInstruments) endSpan(x *exchange, o outcome, end time.Time) {
	if x.span.IsRecording() {
		x.span.SetAttributes(semconv.HTTPResponseStatusCode(o.status))
		if x.exemplar {
			x.span.SetAttributes(attribute.Bool(catalogue.Exemplar, true))
		}
		if o.errorType != "" {
			x.span.SetAttributes(semconv.ErrorTypeKey.String(o.errorType))
		}
		if x.fault != "" {
			x.span.SetAttributes(attribute.String(catalogue.FaultInjected, x.fault))
		}
		if o.failed() {
			x.span.SetStatus(codes.Error, "")
			if x.err != nil {
				recordError(x.span, x.err)
			}
		}
	}
	x.span.End(trace.WithTimestamp(end))
}

func recordError(span trace.Span, err error) {
	var p *PanicError
	if errors.As(err, &p) {
		span.AddEvent("exception", trace.WithAttributes(
			semconv.ExceptionType("panic"), semconv.ExceptionMessage(p.Error()), semconv.ExceptionStacktrace(p.Stack)))
		return
	}
	span.RecordError(err)
}

func (h *httpInstruments) logAccess(ctx *fasthttp.RequestCtx, x *exchange, o outcome, duration time.Duration) {
	level := slog.LevelInfo
	switch {
	case x.route.quiet && o.status == fiber.StatusServiceUnavailable: // a probe is told to stay away, as in every stop
	case o.failed():
		level = slog.LevelError
	case duration >= slowRequest:
		level = slog.LevelWarn
	case o.errorType != "":
	case x.route.quiet || !h.logsSuccess(x.span.SpanContext().TraceID()):
		return
	}
	logger := h.telemetry.Logger
	if !logger.Enabled(x, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("http.request.method", x.route.method),
		slog.String("http.route", x.route.label()),
		slog.String("url.path", string(ctx.URI().PathOriginal())),
		slog.Int("http.response.status_code", o.status),
		slog.Float64("http.server.request.duration", duration.Seconds()),
		slog.String("client.address", h.telemetry.clientAddress(ctx.RemoteIP())),
	)
	if o.errorType != "" {
		attrs = append(attrs, slog.String("error.type", o.errorType))
	}
	if x.fault != "" {
		attrs = append(attrs, slog.String(catalogue.FaultInjected, x.fault))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	var p *PanicError
	if errors.As(x.err, &p) {
		attrs = append(attrs, slog.String("stack", p.Stack))
	}
	logger.LogAttrs(x, level, "request", attrs...)
}

// logsSuccess decides by the trace id, so that a trace's lines are all kept or all left out.
func (h *httpInstruments) logsSuccess(id trace.TraceID) bool {
	const scale = 1 << 16
	low := int(id[14])<<8 | int(id[15])
	return float64(low) < h.telemetry.config.AccessLogRatio*scale
}

func (r *route) label() string {
	if r.template == "" {
		return catalogue.UnmatchedRoute
	}
	return r.template
}

func spanName(method, route string) string {
	if method == "_OTHER" {
		method = "HTTP" // as the conventions ask
	}
	return strings.TrimSpace(method + " " + route)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// RouteOf returns the template of the route that the request is for, also in a middleware that runs before it; empty
// when no route matches.
func RouteOf(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.route.template
	}
	return ""
}

// Fail gives the cause of the error that the request is answered with, for its span and its log line. errorType is a
// category of the catalogue; empty leaves it to the status.
func Fail(ctx context.Context, errorType string, cause error) {
	if x := exchangeOf(ctx); x != nil {
		x.err = cause
		if x.errorType != catalogue.ErrorInjected { // which a panic on purpose stays
			x.errorType = errorType
		}
	}
}

// MarkInjected says that a deliberate fault of this kind was done to the request: on its span, in its log line and, when
// it made the request fail, in the error_type of its series.
func MarkInjected(ctx context.Context, kind string, failed bool) {
	x := exchangeOf(ctx)
	if x == nil {
		return
	}
	x.fault = kind
	if failed {
		x.errorType = catalogue.ErrorInjected
	}
}

// TraceID returns the id of the request's trace in hexadecimal; empty outside of one.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// PanicError is a panic of a handler, as the app's error handler gets it.
type PanicError struct {
	Value any
	Stack string

	frames []uintptr
}

func newPanicError(value any) *PanicError {
	stack, frames := make([]byte, maxStack), make([]uintptr, maxFrames)
	return &PanicError{
		Value: value, Stack: string(stack[:runtime.Stack(stack, false)]), frames: frames[:runtime.Callers(callersSkipped, frames)],
	}
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
