package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// startSpan begins the request's server span. On a quiet route it is kept out of the context, where an unrecorded one stands for
// it: what the handler does is not recorded, and the span itself only if the request fails.
func (h *httpInstruments) startSpan(ctx *fasthttp.RequestCtx, x *exchange) {
	parent := h.parent(ctx)
	x.Context, x.span = h.telemetry.spans.begin(parent, x.route.span(ctx), x.start)
	if x.route.quiet {
		sc := x.span.SpanContext()
		x.Context = trace.ContextWithSpanContext(parent, sc.WithTraceFlags(sc.TraceFlags()&^trace.FlagsSampled))
	}
}

// quietly says of a request that it is only measured. A probe that is told to stay away, as in every stop, is no failure.
func (x *exchange) quietly(o outcome) bool {
	return x.route.quiet && (!o.failed() || o.status == fiber.StatusServiceUnavailable)
}

// endSpan describes the request, in one go, and ends its span.
func (h *httpInstruments) endSpan(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time, exemplar bool) {
	s, recorded := x.span.(*span)
	if !recorded {
		return
	}
	attributes := append(h.describeRequest(ctx, x.route), semconv.HTTPResponseStatusCode(o.status))
	if o.errorType != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(o.errorType))
	}
	if x.fault != "" {
		attributes = append(attributes, attribute.String(catalogue.FaultInjected, x.fault))
	}
	s.describe(s.template, attributes)
	if exemplar {
		s.SetAttributes(attribute.Bool(catalogue.Exemplar, true)) // what reports of browsers have said already
	}
	if o.failed() {
		s.SetStatus(codes.Error, "")
		if x.err != nil {
			recordError(s, x.err)
		}
	}
	s.endAt(end)
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

func spanName(method, route string) string {
	if method == "_OTHER" {
		method = "HTTP" // as the conventions ask
	}
	return strings.TrimSpace(method + " " + route)
}

// ids makes the ids of traces and spans. They have to be unique, not secret, so the runtime's own generator will do.
type ids struct{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return newTraceID(), newSpanID()
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return newSpanID() }

func newTraceID() (id trace.TraceID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // G404: it need not be secret
	binary.NativeEndian.PutUint64(id[8:], nonZero())
	return id
}

func newSpanID() (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], nonZero())
	return id
}

// nonZero because an id of nothing but zeros is none.
func nonZero() uint64 {
	for {
		if n := rand.Uint64(); n != 0 { //nolint:gosec // G404: as above
			return n
		}
	}
}
