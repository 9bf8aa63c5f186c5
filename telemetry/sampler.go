package telemetry

import (
	"fmt"
	"hash/maphash"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// lots tells which traces are in a share of all. Clients choose the ids of their traces, and must not choose by them what is
// recorded of them: so each process draws lots of its own.
type lots struct{ seed maphash.Seed }

func newLots() lots { return lots{maphash.MakeSeed()} }

// choose says whether the trace is in the share, from 0 to 1. It says the same of a trace each time.
func (l lots) choose(id trace.TraceID, share float64) bool {
	const bits = 53 // as many as a float64 tells apart
	return float64(maphash.Comparable(l.seed, id)>>(64-bits)) < share*(1<<bits)
}

// shareSampler records a share of the traces that begin here.
type shareSampler struct {
	lots  lots
	share float64
}

// newSampler returns the sampler of a service. A span within this process follows the one around it. Of a caller it depends:
// the flag of one of our services is its decision for the whole trace, that of a client is a wish.
func newSampler(lots lots, share float64, believeCallers bool) sdktrace.Sampler {
	here := shareSampler{lots, share}
	if believeCallers {
		return sdktrace.ParentBased(here)
	}
	return sdktrace.ParentBased(here, sdktrace.WithRemoteParentSampled(here), sdktrace.WithRemoteParentNotSampled(here))
}

// ShouldSample implements sdktrace.Sampler.
func (s shareSampler) ShouldSample(of sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := sdktrace.SamplingResult{Tracestate: trace.SpanContextFromContext(of.ParentContext).TraceState()}
	if s.lots.choose(of.TraceID, s.share) {
		result.Decision = sdktrace.RecordAndSample
	}
	return result
}

// Description implements sdktrace.Sampler.
func (s shareSampler) Description() string { return fmt.Sprintf("share{%g}", s.share) }
