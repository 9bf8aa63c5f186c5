package cache_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestAMissIsReadInOneTraceAndTheOthersLinkToIt(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	tel, err := telemetry.Start(telemetry.Config{
		Service: "test", Logs: io.Discard, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, ExportInterval: time.Millisecond,
	})
	require.NoError(t, err)
	c, err := cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: tel})
	require.NoError(t, err)
	s := &shelf{open: make(chan struct{})}
	catalogue := cache.NewCatalogue(c, s)
	ask := func() {
		ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
		defer span.End()
		_, err := catalogue.Product(ctx, "1")
		require.NoError(t, err)
	}
	var asking sync.WaitGroup
	asking.Go(ask)
	require.Eventually(t, func() bool { return s.reads.Load() == 1 }, patience, time.Millisecond)
	waiting := make(chan struct{})
	asking.Go(func() { close(waiting); ask() })
	<-waiting
	// Whether the second one has begun to wait by now is for the scheduler to say; if not, it finds the value.
	close(s.open)
	asking.Wait()
	ask()

	spans := collector.WaitForSpans(4)
	var loads, waits []*tracepb.Span
	for _, span := range spans {
		switch span.GetName() {
		case "cache load catalogue":
			loads = append(loads, span)
		case "cache wait catalogue":
			waits = append(waits, span)
		}
	}
	require.Len(t, loads, 1, "who finds it in the cache leaves no span")
	require.NotEmpty(t, loads[0].GetParentSpanId())
	for _, wait := range waits {
		require.Equal(t, loads[0].GetSpanId(), wait.GetLinks()[0].GetSpanId())
		require.NotEqual(t, loads[0].GetTraceId(), wait.GetTraceId())
	}
}
