package cache_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
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

func TestAReadThatFailsSaysSoInItsTraceAndInTheMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		fails func() error
		want  string
		error tracepb.Status_StatusCode
	}{
		"there is no such product":      {func() error { return &market.NotFoundError{Kind: "product", ID: "1"} }, "not_found", tracepb.Status_STATUS_CODE_UNSET},
		"the database is away":          {func() error { return market.ErrUnavailable }, "dependency", tracepb.Status_STATUS_CODE_ERROR},
		"the database does not answer":  {func() error { return market.ErrTimeout }, "timeout", tracepb.Status_STATUS_CODE_ERROR},
		"it panics, by a fault of ours": {func() error { panic("the shelf falls") }, "internal", tracepb.Status_STATUS_CODE_ERROR},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			tel, err := telemetry.Start(telemetry.Config{
				Service: "test", Logs: io.Discard, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, ExportInterval: time.Millisecond,
			})
			require.NoError(t, err)
			held, err := cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: tel})
			require.NoError(t, err)
			key := cache.Key[int]{Name: "1", Bytes: func(int) int { return 1 }}
			_, err = cache.Load(t.Context(), held, key, func(context.Context) (int, error) { return 0, c.fails() })
			require.Error(t, err)
			span := collector.WaitForSpans(1)[0]
			require.Equal(t, c.want, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.error, span.GetStatus().GetCode())
			collector.RequireExemplars(tel.MetricsHandler(), `market_cache_load_duration_seconds_bucket{cache="catalogue",error_type="`+c.want+`"`)
		})
	}
}
