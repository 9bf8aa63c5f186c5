package telemetry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/telemetry"
)

func TestACollectorThatIsAwayHoldsUpNobodyAndIsLoggedOnce(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.SpanQueue = 8 })
	s.collector.Stop()
	requests := 0.0
	require.Eventually(t, func() bool {
		requests++
		require.Equal(t, 200, s.send(get("/farms/7")).StatusCode)
		return s.counter("otel_sdk_processor_span_processed_total", "queue_full") > 0
	}, 10*time.Second, time.Microsecond, "a full queue drops")
	require.Equal(t, "spans", s.lines("collector unreachable")[0]["signal"])
	dropped := s.counter("otel_sdk_processor_span_processed_total", "queue_full")
	queued := s.counter("otel_sdk_processor_span_processed_total", "")
	require.InDelta(t, requests, dropped+queued, 0, "and every span is counted")

	s.collector.Start()
	back := s.lines("collector reachable again")
	require.InDelta(t, dropped, back[0]["spans_dropped"], 0)
	s.collector.WaitForSpans(int(queued))
	require.Eventually(t, func() bool {
		return s.counter("otel_sdk_exporter_span_exported_total", "") == queued
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, strings.Count(s.logs.String(), "collector unreachable"), "one line, not a flood")
}

func TestABatchThatIsRefusedForGoodHoldsUpNoOther(t *testing.T) {
	for name, refuse := range map[string]struct {
		response *collectorpb.ExportTraceServiceResponse
		err      error
	}{
		"it is too large":         {err: status.Error(codes.ResourceExhausted, "received message larger than max")},
		"it is malformed":         {err: status.Error(codes.InvalidArgument, "bad span id")},
		"a part of it is refused": {response: &collectorpb.ExportTraceServiceResponse{PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, nil)
			s.collector.RefuseNext(refuse.response, refuse.err)
			s.send(get("/farms/7"))
			s.lines("collector refuses what it is sent")
			require.InDelta(t, 1, s.counter("otel_sdk_exporter_span_exported_total", "rejected"), 0)

			s.send(get("/farms/7"))
			require.Len(t, s.collector.WaitForSpans(1), 1)
			require.InDelta(t, 1, s.lines("collector reachable again")[0]["spans_dropped"], 0)
		})
	}
}

func TestACollectorThatIsBusyIsAskedAgain(t *testing.T) {
	s := startService(t, nil)
	s.collector.RefuseNext(nil, status.Error(codes.Unavailable, "busy"))
	s.send(get("/farms/7"))
	require.Len(t, s.collector.WaitForSpans(1), 1)
}

func TestEveryFinishedSpanArrivesBeforeTheEnd(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportInterval = time.Hour })
	const requests = 700 // more than one batch
	for range requests {
		s.send(get("/farms/7"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.tel.Shutdown(ctx))
	require.Len(t, s.collector.Spans(), requests)
}

func TestShutdownSaysHowManySpansWereLostWhenTheCollectorStaysAway(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ExportInterval = time.Hour })
	s.collector.Stop()
	for range 3 {
		s.send(get("/farms/7"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.tel.Shutdown(ctx), "3 spans were not sent")
}

func TestAShutdownThatIsGivenNoDeadlineEndsAllTheSame(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.ShutdownTimeout = 50 * time.Millisecond })
	s.collector.Stop()
	s.send(get("/farms/7"))
	require.ErrorContains(t, s.tel.Shutdown(t.Context()), "1 spans were not sent")
}

func (s *service) counter(name, errorType string) float64 {
	s.t.Helper()
	for _, m := range s.families()[name].GetMetric() {
		if m.GetLabel()[0].GetValue() == errorType {
			return m.GetCounter().GetValue()
		}
	}
	return 0
}
