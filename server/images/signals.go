package images

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	"gocloud.dev/gcerrors"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const scope = "github.com/farmersmarket/platform/server/images"

// signals are the telemetry of the uses of a store.
type signals struct {
	system    string // scheme of its URL
	tracer    trace.Tracer
	durations *prometheus.HistogramVec
}

func newSignals(system string, tel *telemetry.Telemetry) *signals {
	s := &signals{
		system: system, tracer: tel.TracerProvider().Tracer(scope), durations: tel.Metrics.Histogram(catalogue.ImageStoreDuration),
	}
	for _, operation := range catalogue.ImageStoreOperations() {
		for _, category := range []string{"", catalogue.ErrorDependency, catalogue.ErrorTimeout} {
			s.durations.WithLabelValues(operation, category)
		}
	}
	return s
}

// use measures one use of the store. That a file is not there is an answer, and no failure of the store.
func (s *signals) use(ctx context.Context, operation, file string, do func(context.Context) error) error {
	start := time.Now()
	ctx, span := s.tracer.Start(ctx, "images "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String(catalogue.ImageStoreSystem, s.system),
		attribute.String(catalogue.ImageStoreOperation, operation),
		attribute.String(catalogue.ImageFile, file),
	))
	defer span.End()
	err := do(ctx)
	category := errorType(err)
	s.durations.WithLabelValues(operation, category).Observe(time.Since(start).Seconds())
	if category == "" {
		return nil
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(category))
	if category == catalogue.ErrorDependency || category == catalogue.ErrorTimeout {
		span.SetStatus(codes.Error, "")
		span.RecordError(err)
	}
	return err
}

// errorType is the category of an error of the store.
func errorType(err error) string {
	switch {
	case err == nil:
		return ""
	case gcerrors.Code(err) == gcerrors.NotFound:
		return catalogue.ErrorNotFound
	case errors.Is(err, context.Canceled):
		return catalogue.ErrorCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	}
	return catalogue.ErrorDependency
}
