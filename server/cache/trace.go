package cache

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const scope = "github.com/farmersmarket/platform/server/cache"

// ofCatalogue says in spans which cache it is: what is loaded are the values, never whole answers.
var ofCatalogue = attribute.String(catalogue.CacheName, catalogue.CacheOfCatalogue)

// loadOnce reads the value from the database, measured, with a span: of all who wait for it, the trace of the first has it.
func loadOnce[T any](ctx context.Context, c *Cache, load func(ctx context.Context) (T, error)) (filled[T], error) {
	began, category := time.Now(), catalogue.ErrorInternal // unless load returns
	ctx, span := c.tracer.Start(ctx, "cache load "+catalogue.CacheOfCatalogue, trace.WithAttributes(ofCatalogue))
	defer func() {
		if category != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(category))
		}
		if category != "" && category != catalogue.ErrorNotFound { // which is an answer
			span.SetStatus(codes.Error, "") // what failed is told by the span below it
		}
		c.loading.WithLabelValues(catalogue.CacheOfCatalogue, category).Observe(span, time.Since(began).Seconds())
		span.End()
	}()
	value, err := load(ctx)
	category = errorType(err)
	return filled[T]{value: value, by: span.SpanContext()}, err
}

// errorType is the category of an error of a read, one of catalogue.CacheLoadErrors.
func errorType(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, market.ErrNotFound):
		return catalogue.ErrorNotFound
	case errors.Is(err, market.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	case errors.Is(err, market.ErrUnavailable):
		return catalogue.ErrorDependency
	}
	return catalogue.ErrorInternal
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
