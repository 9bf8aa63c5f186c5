package telemetry

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// maxStack bounds the stack kept of a panic, in bytes.
const maxStack = 8 << 10

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
}

// Value finds the exchange itself, and else what its parent holds.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// panicked answers for a handler, or an error handler, that could not.
func (x *exchange) panicked(ctx *fasthttp.RequestCtx, value any) {
	x.err = newPanicError(value)
	ctx.Error(fasthttp.StatusMessage(fasthttp.StatusInternalServerError), fasthttp.StatusInternalServerError)
}

// outcome is how the request is answered.
func (x *exchange) outcome(ctx *fasthttp.RequestCtx) outcome {
	o := outcome{status: ctx.Response.StatusCode(), errorType: x.errorType}
	if o.errorType == "" {
		o.errorType = errorTypeOf(o.status)
	}
	return o
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
