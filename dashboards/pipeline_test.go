package dashboards_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/dashboards"
)

// Each case is ten minutes of scrapes, every minute. What is not named reads 0, and is not empty, in every mode.
func TestIsAnythingLost(t *testing.T) {
	titles := []string{"Spans lost", "Traces lost", "Log lines lost", "Error events lost", "Samples lost", "Notifications failed"}
	for sentence, c := range map[string]struct{ series, lost string }{
		"nothing, where there is no program that could say so": {`up{job="server",instance="a"} 1x10`, ""},
		"what is sent, tried again or suppressed is not lost": {`
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type=""} 0+1x10
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type=""} 0+1x10
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type="unavailable"} 0+1x10
			otel_sdk_exporter_log_exported_total{job="server",instance="a",error_type="unavailable"} 0+1x10
			otelcol_exporter_enqueue_failed_log_records_total{job="collector",instance="c",exporter="otlp_http/loki"} 0+1x10
			telemetry_error_events_total{job="server",instance="a",outcome="sent"} 0+1x10
			telemetry_error_events_total{job="server",instance="a",outcome="suppressed"} 0+1x10
			alertmanager_notifications_total{job="alertmanager",instance="m",integration="webhook"} 0+1x10`, ""},
		"spans before a full queue":    {`otel_sdk_processor_span_processed_total{job="server",instance="a",error_type="queue_full"} 0+1x10`, "Spans lost"},
		"spans that are refused":       {`otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type="rejected"} 0+1x10`, "Spans lost"},
		"spans in the collector":       {`otelcol_exporter_enqueue_failed_spans_total{job="collector",instance="c",exporter="e"} 0+1x10`, "Spans lost"},
		"spans in Jaeger":              {`otelcol_exporter_send_failed_spans_total{job="jaeger",instance="j",exporter="e"} 0+1x10`, "Spans lost"},
		"traces before their decision": {`otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total{job="jaeger",instance="j"} 0+1x10`, "Traces lost"},
		"log lines before the queue":   {`otel_sdk_processor_log_processed_total{job="server",instance="a",error_type="queue_full"} 0+1x10`, "Log lines lost"},
		"log lines that are refused":   {`otel_sdk_exporter_log_exported_total{job="server",instance="a",error_type="rejected"} 0+1x10`, "Log lines lost"},
		"log lines not written":        {`telemetry_log_lines_dropped_total{job="server",instance="a",reason="buffer_full"} 0+1x10`, "Log lines lost"},
		"log lines in the collector":   {`otelcol_exporter_send_failed_log_records_total{job="collector",instance="c",exporter="e"} 0+1x10`, "Log lines lost"},
		"error events":                 {`telemetry_error_events_total{job="server",instance="a",outcome="limited"} 0+1x10`, "Error events lost"},
		"samples out of order":         {`prometheus_target_scrapes_sample_out_of_order_total{job="prometheus",instance="p"} 0+1x10`, "Samples lost"},
		"samples that are duplicates":  {`prometheus_target_scrapes_sample_duplicate_timestamp_total{job="prometheus",instance="p"} 0+1x10`, "Samples lost"},
		"samples out of bounds":        {`prometheus_target_scrapes_sample_out_of_bounds_total{job="prometheus",instance="p"} 0+1x10`, "Samples lost"},
		"samples not written":          {`prometheus_tsdb_wal_writes_failed_total{job="prometheus",instance="p"} 0+1x10`, "Samples lost"},
		"samples in a damaged log":     {`prometheus_tsdb_wal_corruptions_total{job="prometheus",instance="p"} 0+1x10`, "Samples lost"},
		"alerts on the way":            {`prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="m"} 0+1x10`, "Notifications failed"},
		"notifications": {
			`alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="webhook",reason="other"} 0+1x10`,
			"Notifications failed",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			for title, value := range lossesOf(t, "load 1m\n"+strings.TrimSpace(c.series)) {
				require.Contains(t, titles, title)
				if title == c.lost {
					require.InDelta(t, 10, value, 2, "%s: ten were lost", title)
				} else {
					require.Zero(t, value, title)
				}
			}
		})
	}
}

// lossesOf evaluates the numbers at the top of the dashboard over the ten minutes, by their titles.
func lossesOf(t *testing.T, series string) map[string]float64 {
	t.Helper()
	all := boards(t)
	i := slices.IndexFunc(all, func(b board) bool { return b.UID == dashboards.PipelineUID })
	storage := promqltest.LoadedStorage(t, series)
	t.Cleanup(func() { require.NoError(t, storage.Close()) })
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	losses := map[string]float64{}
	for _, p := range all[i].Panels {
		if p.Type != "stat" {
			continue
		}
		expr := strings.NewReplacer("$job", ".+", "$instance", ".+", "$__range", "10m").Replace(p.Targets[0].Expr)
		query, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, time.Unix(600, 0))
		require.NoError(t, err)
		result := query.Exec(t.Context())
		require.NoError(t, result.Err)
		vector, err := result.Vector()
		require.NoError(t, err)
		require.Len(t, vector, 1, "%s is empty", p.Title)
		losses[p.Title] = vector[0].F
		query.Close()
	}
	require.Len(t, losses, 6)
	return losses
}
