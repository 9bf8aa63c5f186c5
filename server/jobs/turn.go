package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const scope = "github.com/farmersmarket/platform/server/jobs"

// turn is one run of a job. Most find nothing to do, every few seconds, and would bury the traces that matter. So the look
// for work is not recorded, what is done is a trace of its own for each thing, and the run gets its span at the end, when
// there is something to say: with links to all of them.
type turn struct {
	job     string
	tracer  trace.Tracer
	started time.Time

	mu    sync.Mutex
	links []trace.Link
}

type turnKey struct{}

func (t *turn) context(ctx context.Context) context.Context {
	return context.WithValue(telemetry.Unrecorded(ctx), turnKey{}, t)
}

// Attend is to be called when the run whose context it is turns to the thing with the id. It returns the context in which
// that is to be done, and what is to be told how it ended.
func Attend(ctx context.Context, id string) (context.Context, func(error)) {
	t, _ := ctx.Value(turnKey{}).(*turn)
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, "do "+t.job, trace.WithNewRoot(), trace.WithAttributes(
		attribute.String(catalogue.JobName, t.job), attribute.String(catalogue.JobItem, id)))
	t.mu.Lock()
	t.links = append(t.links, trace.Link{SpanContext: span.SpanContext()})
	t.mu.Unlock()
	return ctx, func(err error) {
		fail(span, err)
		span.End()
	}
}

// end records how long the run took, and makes its span if it did anything. It returns a context with that span.
func (t *turn) end(ctx context.Context, n int, err error, duration *telemetry.TracedSeries) context.Context {
	span := trace.SpanFromContext(ctx) // of nothing that is recorded
	if n != 0 || err != nil || len(t.links) > 0 {
		ctx, span = t.tracer.Start(ctx, "job "+t.job, trace.WithNewRoot(), trace.WithTimestamp(t.started), trace.WithLinks(t.links...),
			trace.WithAttributes(attribute.String(catalogue.JobName, t.job), attribute.Int(catalogue.JobItems, n)))
		defer span.End()
		fail(span, err)
	}
	duration.Observe(span, time.Since(t.started).Seconds())
	return ctx
}

// fail says on a span what went wrong, if anything did.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	span.SetStatus(codes.Error, "")
	var p *telemetry.PanicError
	if errors.As(err, &p) {
		span.AddEvent("exception", trace.WithAttributes(
			semconv.ExceptionType("panic"), semconv.ExceptionMessage(p.Error()), semconv.ExceptionStacktrace(p.Stack)))
		return
	}
	span.RecordError(err)
}
