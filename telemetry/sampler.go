package telemetry

import (
	"net/http"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sampler records what its caller records, a share of the rest, and nothing of quiet routes.
type sampler struct {
	sdktrace.Sampler

	quiet map[string]bool // by span name
}

func newSampler(config Config) sdktrace.Sampler {
	s := sampler{
		Sampler: sdktrace.ParentBased(sdktrace.TraceIDRatioBased(config.SampleRatio)),
		quiet:   map[string]bool{},
	}
	for _, route := range config.Quiet {
		s.quiet[spanName(http.MethodGet, route)] = true
		s.quiet[spanName(http.MethodHead, route)] = true
	}
	return s
}

func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if s.quiet[p.Name] {
		return sdktrace.SamplingResult{
			Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState(),
		}
	}
	return s.Sampler.ShouldSample(p)
}

func (s sampler) Description() string { return "QuietRoutes{" + s.Sampler.Description() + "}" }
