package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	serviceName = "market-probe"
	scope       = "github.com/farmersmarket/platform/lookout/probe"
)

// startTelemetry makes the spans of the runs. Each run is one trace and sampled, so that a failed one can be looked at; the
// market's spans hang on the probe's, whether those are exported or not.
func startTelemetry(config Config) (*telemetry.Telemetry, error) {
	tel, err := telemetry.Start(telemetry.Config{
		Service: serviceName, OTLPEndpoint: config.OTLPEndpoint, OTLPInsecure: config.OTLPInsecure, SampleRatio: 1, Logs: config.Logs,
	})
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return tel, nil
}

// measured is a transport that traces requests to the market.
func measured(tel *telemetry.Telemetry, base http.RoundTripper, addresses ...string) http.RoundTripper {
	var hosts []string
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return tel.Transport(telemetry.TransportOptions{Base: base, Hosts: hosts, Ours: hosts})
}

// startStep begins the span of a step. The caller ends it.
func (p *Prober) startStep(ctx context.Context, name string) (context.Context, trace.Span) {
	return p.tracer.Start(ctx, "scripted order "+name, trace.WithAttributes(attribute.String(catalogue.ProbeStep, name)))
}

// endSpan says on a span what went wrong, if anything did, and ends it.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
		span.SetStatus(codes.Error, "")
		span.RecordError(err)
	}
	span.End()
}

// errorType is the category of an error. Whatever is wrong with the market, the probe depends on it.
func errorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return catalogue.ErrorCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	}
	return catalogue.ErrorDependency
}
