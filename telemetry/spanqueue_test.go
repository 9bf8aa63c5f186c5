package telemetry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry"
)

func TestACollectorThatIsAwayHoldsUpNobodyAndIsLoggedOnce(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.SpanQueue = 8 })
	s.collector.Stop()
	const requests = 100
	for range requests {
		require.Equal(t, 200, s.send(get("/farms/7")).StatusCode)
	}
	s.lines("collector unreachable: spans wait in the queue, and are dropped when it is full")
	dropped := s.counter("otel_sdk_processor_span_processed_total", "queue_full")
	require.Positive(t, dropped, "a full queue drops")
	queued := s.counter("otel_sdk_processor_span_processed_total", "")
	require.Equal(t, requests, int(dropped+queued), "and every span is counted")

	s.collector.Start()
	back := s.lines("collector reachable again")
	require.InDelta(t, dropped, back[0]["spans_dropped"], 0)
	s.collector.WaitForSpans(int(requests - dropped))
	require.Eventually(t, func() bool {
		return s.counter("otel_sdk_exporter_span_exported_total", "") == requests-dropped
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, strings.Count(s.logs.String(), "collector unreachable"), "one line, not a flood")
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

func (s *service) counter(name, errorType string) float64 {
	s.t.Helper()
	for _, m := range s.families()[name].GetMetric() {
		if m.GetLabel()[0].GetValue() == errorType {
			return m.GetCounter().GetValue()
		}
	}
	return 0
}
