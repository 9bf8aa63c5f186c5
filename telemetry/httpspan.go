package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// startSpan begins the request's server span. Whether it is sampled is asked before the SDK makes one: of a request that
// is not, only its ids are needed. Nothing of quiet routes is recorded.
func (h *httpInstruments) startSpan(parent context.Context, x *exchange) {
	caller := trace.SpanContextFromContext(parent)
	id := caller.TraceID()
	if !id.IsValid() {
		id = newTraceID()
	}
	decision := h.telemetry.sampler.ShouldSample(sdktrace.SamplingParameters{
		ParentContext: parent, TraceID: id, Name: x.route.spanName, Kind: trace.SpanKindServer,
	})
	if x.route.quiet || decision.Decision != sdktrace.RecordAndSample {
		x.Context = trace.ContextWithSpanContext(parent, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: id, SpanID: newSpanID(), TraceFlags: caller.TraceFlags() &^ trace.FlagsSampled, TraceState: decision.Tracestate,
		}))
		x.span = trace.SpanFromContext(x.Context)
		return
	}
	x.root = rootContext{parent, id}
	x.Context, x.span = h.telemetry.tracer.Start(&x.root, x.route.spanName, serverSpan, trace.WithTimestamp(x.start))
}

var serverSpan = trace.WithSpanKind(trace.SpanKindServer)

// endSpan describes the request, in one go, and ends its span.
func (h *httpInstruments) endSpan(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time, exemplar bool) {
	if !x.span.IsRecording() {
		return
	}
	d := h.descriptions.Get().(*description) //nolint:errcheck // nothing else is in the pool
	d.request(h.telemetry, ctx, x.route)
	d.attributes = append(d.attributes, semconv.HTTPResponseStatusCode(o.status))
	if o.errorType != "" {
		d.attributes = append(d.attributes, semconv.ErrorTypeKey.String(o.errorType))
	}
	if x.fault != "" {
		d.attributes = append(d.attributes, attribute.String(catalogue.FaultInjected, x.fault))
	}
	if exemplar {
		d.attributes = append(d.attributes, attribute.Bool(catalogue.Exemplar, true))
	}
	x.span.SetAttributes(d.attributes...)
	d.reset()
	h.descriptions.Put(d)
	if o.failed() {
		x.span.SetStatus(codes.Error, "")
		if x.err != nil {
			recordError(x.span, x.err)
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

func spanName(method, route string) string {
	if method == "_OTHER" {
		method = "HTTP" // as the conventions ask
	}
	return strings.TrimSpace(method + " " + route)
}

// rootContext hands the SDK the trace id that a request was sampled by.
type rootContext struct {
	context.Context //nolint:containedctx // it is a context

	traceID trace.TraceID
}

// ids makes the ids of traces and spans. They have to be unique, not secret, so the runtime's own generator will do.
type ids struct{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if root, ok := ctx.(*rootContext); ok {
		return root.traceID, newSpanID()
	}
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
