package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func TestWhatIsRecordedOfACallersTrace(t *testing.T) {
	const sampled, unsampled = trace.FlagsSampled, trace.TraceFlags(0)
	for name, c := range map[string]struct {
		share    float64
		believe  bool
		flags    trace.TraceFlags
		remote   bool
		recorded bool
	}{
		"a client cannot switch recording off":           {share: 1, flags: unsampled, remote: true, recorded: true},
		"a client cannot switch recording on":            {share: 0, flags: sampled, remote: true, recorded: false},
		"one of our services can switch it off":          {share: 1, believe: true, flags: unsampled, remote: true, recorded: false},
		"one of our services can switch it on":           {share: 0, believe: true, flags: sampled, remote: true, recorded: true},
		"a span follows the one around it when recorded": {share: 0, flags: sampled, recorded: true},
		"a span follows the one around it when not":      {share: 1, flags: unsampled, recorded: false},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := trace.ParseTraceState("market=1")
			require.NoError(t, err)
			parent := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: newTraceID(), SpanID: newSpanID(), TraceFlags: c.flags, Remote: c.remote, TraceState: state,
			})
			result := newSampler(newLots(), c.share, c.believe).ShouldSample(sdktrace.SamplingParameters{
				ParentContext: trace.ContextWithSpanContext(t.Context(), parent), TraceID: parent.TraceID(),
			})
			require.Equal(t, c.recorded, result.Decision == sdktrace.RecordAndSample)
			require.Equal(t, state, result.Tracestate)
		})
	}
}

func TestLotsAreFairAndTheirOwn(t *testing.T) {
	const traces, share = 20_000, 0.25
	one, other := newLots(), newLots()
	chosen, both := 0, 0
	for n := range uint32(traces) { // ids as like each other as a client can make them
		id := trace.TraceID{0: 1, 15: byte(n), 14: byte(n >> 8), 13: byte(n >> 16)}
		require.True(t, one.choose(id, 1))
		require.False(t, one.choose(id, 0))
		if one.choose(id, share) {
			require.True(t, one.choose(id, share), "a trace is in the share or not")
			chosen++
			if other.choose(id, share) {
				both++
			}
		}
	}
	const seven = 430 // standard deviations of the binomial distribution
	require.InDelta(t, traces*share, chosen, seven)
	require.InDelta(t, traces*share*share, both, seven, "another process draws other lots")
}
