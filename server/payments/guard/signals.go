package guard

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const scope = "github.com/farmersmarket/platform/server/payments"

// signals are the telemetry of the calls of one provider.
type signals struct {
	provider   string
	tracer     trace.Tracer
	metrics    *telemetry.Metrics
	durations  *telemetry.TracedHistogram
	retries    *prometheus.CounterVec
	rejections *prometheus.CounterVec
	errorTypes map[string]string // by outcome
}

func newSignals(provider string, tel *telemetry.Telemetry) *signals {
	s := &signals{
		provider: provider, tracer: tel.TracerProvider().Tracer(scope), metrics: tel.Metrics,
		durations:  tel.Metrics.TracedHistogram(catalogue.PaymentCallDuration),
		retries:    tel.Metrics.Counter(catalogue.PaymentRetries),
		rejections: tel.Metrics.Counter(catalogue.PaymentRejections),
		errorTypes: catalogue.PaymentCallErrorTypes(),
	}
	for _, operation := range catalogue.PaymentOperations() {
		for _, reason := range catalogue.PaymentRejectionReasons() {
			s.rejections.WithLabelValues(provider, operation, reason)
		}
		for _, outcome := range catalogue.PaymentCallOutcomes() {
			s.durations.WithLabelValues(provider, operation, outcome)
		}
	}
	for _, operation := range catalogue.PaymentRepeatableOperations() {
		s.retries.WithLabelValues(provider, operation)
	}
	return s
}

// watch exposes the breaker's state, read when it is scraped.
func (s *signals) watch(state func() string) {
	for _, each := range catalogue.BreakerStates() {
		s.metrics.GaugeFunc(catalogue.PaymentBreakerState, func() float64 {
			if state() == each {
				return 1
			}
			return 0
		}, s.provider, each)
	}
}

// reject counts a call that was not made, and says so on the span of who wanted it.
func (s *signals) reject(ctx context.Context, operation, reason string) {
	trace.SpanFromContext(ctx).AddEvent("payment call not made", trace.WithAttributes(
		attribute.String("payment.provider", s.provider),
		attribute.String("payment.operation", operation),
		attribute.String("payment.rejection", reason),
	))
	s.rejections.WithLabelValues(s.provider, operation, reason).Inc()
}

// attempt is one call under way.
type attempt struct {
	ctx       context.Context // the call's, with its span
	caller    context.Context // of who asked for it
	signals   *signals
	operation string
	start     time.Time
	span      trace.Span
}

func (s *signals) begin(ctx, caller context.Context, operation string, number int) *attempt {
	if number > 1 {
		s.retries.WithLabelValues(s.provider, operation).Inc()
	}
	ctx, span := s.tracer.Start(ctx, "payments "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("payment.provider", s.provider),
		attribute.String("payment.operation", operation),
		attribute.Int("payment.attempt", number),
	))
	return &attempt{ctx: telemetry.Resent(ctx, number-1), caller: caller, signals: s, operation: operation, start: time.Now(), span: span}
}

func (a *attempt) end(err error) {
	outcome := a.outcome(err)
	a.span.SetAttributes(attribute.String("payment.outcome", outcome))
	if category := a.signals.errorTypes[outcome]; category != "" {
		a.span.SetAttributes(semconv.ErrorTypeKey.String(category))
	}
	switch outcome {
	case catalogue.PaymentCallUnavailable, catalogue.PaymentCallTimeout, catalogue.PaymentCallError:
		a.span.SetStatus(codes.Error, "")
		a.span.RecordError(err)
	}
	a.signals.durations.WithLabelValues(a.signals.provider, a.operation, outcome).Observe(a.span, time.Since(a.start).Seconds())
	a.span.End()
}

func (a *attempt) outcome(err error) string {
	switch {
	case err == nil:
		return catalogue.PaymentCallOK
	case errors.Is(err, market.ErrPaymentDeclined):
		return catalogue.PaymentCallDeclined
	case errors.Is(err, market.ErrNotFound):
		return catalogue.PaymentCallNotFound
	case errors.Is(a.caller.Err(), context.Canceled):
		return catalogue.PaymentCallCanceled
	case a.ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return catalogue.PaymentCallTimeout
	case errors.Is(err, market.ErrProviderUnavailable):
		return catalogue.PaymentCallUnavailable
	}
	return catalogue.PaymentCallError
}
