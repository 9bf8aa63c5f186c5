package cache

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const scope = "github.com/farmersmarket/platform/server/cache"

// ofCatalogue says in spans which cache it is: what is loaded are the values, never whole answers.
var ofCatalogue = attribute.String(catalogue.CacheName, catalogue.CacheOfCatalogue)

// loadOnce reads the value from the database, with a span: of all who wait for it, the trace of the first has it.
func loadOnce[T any](ctx context.Context, c *Cache, load func(ctx context.Context) (T, error)) (filled[T], error) {
	ctx, span := c.tracer.Start(ctx, "cache load "+catalogue.CacheOfCatalogue, trace.WithAttributes(ofCatalogue))
	defer span.End() // also when load panics
	value, err := load(ctx)
	if err != nil {
		span.SetStatus(codes.Error, "") // what failed is told by the span below it
	}
	return filled[T]{value: value, by: span.SpanContext()}, err
}

// waited leaves a span of who waited for the read of another request, with a link to it.
func (c *Cache) waited(ctx context.Context, began time.Time, load trace.SpanContext) {
	if !load.IsValid() || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := c.tracer.Start(ctx, "cache wait "+catalogue.CacheOfCatalogue, trace.WithAttributes(ofCatalogue),
		trace.WithTimestamp(began), trace.WithLinks(trace.Link{SpanContext: load}))
	span.End()
}
