package telemetry

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// httpInstruments measures a Fiber app from outside, around the whole of it: fasthttp answers some requests before
// Fiber sees them, and Fiber some before any middleware runs.
type httpInstruments struct {
	telemetry *Telemetry
	duration  *TracedHistogram
	active    prometheus.Gauge
	table     *routeTable
	unmatched map[string]*route
	bodies    bodies

	texts    sync.Pool    // of *[]byte, to put texts together in
	profiles atomic.Int32 // CPU profiles being taken
}

func newHTTPInstruments(t *Telemetry) *httpInstruments {
	h := &httpInstruments{
		telemetry: t,
		duration:  t.Metrics.TracedHistogram(catalogue.HTTPServerRequestDuration),
		active:    t.Metrics.Gauge(catalogue.HTTPServerActiveRequests).WithLabelValues(),
		unmatched: map[string]*route{},
	}
	h.texts.New = func() any { return new([]byte) }
	for _, method := range catalogue.HTTPMethod.Values {
		r := newRoute(method, "")
		r.access, r.lines = about(r, t.access), newAccessLines(t, r)
		h.unmatched[method] = r
	}
	return h
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
// the app listens.
func (t *Telemetry) Instrument(app *fiber.App, options ...Option) {
	o := instrumentOptions{outcomes: func(string, string) []int {
		return []int{fiber.StatusOK, fiber.StatusInternalServerError, fiber.StatusServiceUnavailable}
	}}
	for _, option := range options {
		option(&o)
	}
	app.Handler() // completes the app's route stack
	t.http.register(app, o.outcomes)
	server := app.Server()
	server.Logger, server.SecureErrorLogMessage = serverLogger{t.Logger}, true // or its errors have headers in them
	server.Handler = t.http.wrap(t.http.routeOf, server.Handler)               // the app's, and what else it was given
	answerError := server.ErrorHandler
	server.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) {
		err = withoutContent(err)
		t.http.wrap(t.http.routeOfUnread, func(ctx *fasthttp.RequestCtx) {
			giveContext(app, ctx)
			answerUnread(ctx, err, answerError)
		})(ctx)
	}
	received := server.HeaderReceived
	server.HeaderReceived = func(header *fasthttp.RequestHeader) (config fasthttp.RequestConfig) {
		t.http.bodies.expect(header, t.http.find)
		if received != nil {
			config = received(header)
		}
		return config
	}
}

func (h *httpInstruments) register(app *fiber.App, outcomes func(method, route string) []int) {
	h.table = newRouteTable(app.Config())
	for i, registered := range app.GetRoutes(true) {
		path := template(registered.Path)
		r := newRoute(registered.Method, path)
		r.order, r.quiet = i, slices.Contains(h.telemetry.config.Quiet, path)
		r.access, r.lines = about(r, h.telemetry.access), newAccessLines(h.telemetry, r)
		h.table.add(registered.Method, registered.Path, r)
		if registered.Method == fiber.MethodHead { // Fiber adds one to every GET; nobody waits for its first error
			continue
		}
		for _, status := range outcomes(registered.Method, path) {
			h.series(r, outcome{status, errorTypeOf(status)})
		}
	}
}

// wrap measures one fasthttp handler, of which routeOf tells which route a request is for.
func (h *httpInstruments) wrap(routeOf func(*fasthttp.RequestCtx) *route, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	if h.telemetry.config.Off {
		return h.pass(routeOf, next)
	}
	return func(ctx *fasthttp.RequestCtx) {
		x := h.begin(ctx, routeOf(ctx))
		defer func() {
			if p := recover(); p != nil { // outside the middleware's reach, in the error handler for one
				x.panicked(ctx, p)
			}
			if ctx.Response.IsBodyStream() {
				follow(&ctx.Response, func(stream *followedStream) { h.end(ctx, x, stream) })
				return
			}
			h.end(ctx, x, nil)
		}()
		if unlabel := h.label(x); unlabel != nil {
			defer unlabel()
		}
		next(ctx)
	}
}

// pass only does for a handler what the service needs, and says when it fails.
func (h *httpInstruments) pass(routeOf func(*fasthttp.RequestCtx) *route, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	background := context.Background()
	return func(ctx *fasthttp.RequestCtx) {
		x := &exchange{Context: background, span: trace.SpanFromContext(background), start: time.Now(), route: routeOf(ctx)}
		ctx.SetUserValue(exchangeKey{}, x)
		defer func() {
			if p := recover(); p != nil {
				x.panicked(ctx, p)
			}
			if o := x.outcome(ctx); o.failed() {
				h.logAccess(ctx, x, o, time.Now())
			}
		}()
		next(ctx)
	}
}

func (h *httpInstruments) begin(ctx *fasthttp.RequestCtx, r *route) *exchange {
	x := &exchange{start: time.Now(), route: r}
	h.startSpan(ctx, x)
	h.active.Inc()
	ctx.SetUserValue(exchangeKey{}, x)
	return x
}

func (h *httpInstruments) routeOf(ctx *fasthttp.RequestCtx) *route {
	if r := h.bodies.take(&ctx.Request.Header); r != nil {
		return r
	}
	return h.find(knownMethod(ctx.Method()), ctx.URI().PathOriginal())
}

// routeOfUnread is the route of a request that could not be read. Where not even its headers could be parsed, Method says
// GET for want of better.
func (h *httpInstruments) routeOfUnread(ctx *fasthttp.RequestCtx) *route {
	if r := h.bodies.take(&ctx.Request.Header); r != nil {
		return r
	}
	if len(ctx.Request.Header.RawHeaders()) == 0 {
		return h.unmatched["_OTHER"]
	}
	return h.routeOf(ctx)
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
	o := x.outcome(ctx)
	if stream != nil {
		o = stream.outcome(o)
		x.err = stream.cause(x.err)
	} else if o.errorType == "" && duration >= goneAfter && clientGone(ctx.Conn()) {
		o.errorType = catalogue.ErrorCanceled
	}
	h.active.Dec()
	if x.quietly(o) {
		x.span = trace.SpanFromContext(x.Context) // nothing of it is recorded, so no exemplar may lead to it
	}
	exemplar := h.series(x.route, o).observe(x.span.SpanContext(), duration.Seconds(), end)
	h.endSpan(ctx, x, o, end, exemplar)
	h.logAccess(ctx, x, o, end)
	h.reportError(x, o)
}

// failed says whether the service is to blame. A 4xx is the client's error, and so is going away.
func (o outcome) failed() bool {
	return o.status >= fiber.StatusInternalServerError ||
		o.status < fiber.StatusBadRequest && (o.errorType == catalogue.ErrorInternal || o.errorType == catalogue.ErrorTimeout)
}

func (r *route) label() string {
	if r.template == "" {
		return catalogue.UnmatchedRoute
	}
	return r.template
}
