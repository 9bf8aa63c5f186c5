package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each case is 21 minutes of scrapes, every 15 seconds.
func TestWhatLostTelemetryRaises(t *testing.T) {
	const up = "\nup{job=\"server\",instance=\"a\"} 1x90"
	for sentence, c := range map[string]struct {
		series string
		want   []string
	}{
		"all that is finished arrives": {`
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type=""} 0+100x90
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type="queue_full"} 7x90
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type=""} 0+100x90
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type="rejected"} 0x90
			otel_sdk_processor_log_processed_total{job="server",instance="a",error_type=""} 0+100x90
			telemetry_error_events_total{job="server",instance="a",outcome="sent"} 0+1x90
			telemetry_error_events_total{job="server",instance="a",outcome="suppressed"} 0+1x90
			otelcol_exporter_send_failed_spans_total{job="jaeger",instance="a",exporter="jaeger_storage_exporter"} 3x90
			prometheus_tsdb_wal_corruptions_total{job="prometheus",instance="a"} 1x90
			prometheus_target_scrapes_sample_out_of_order_total{job="prometheus",instance="a"} 5x90`, nil},
		"the collector is away, and the queue holds what it missed": {`
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type="unavailable"} 0+500x90`, nil},
		"the service's queue is full": {
			`
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type="queue_full"} 0x10 0+20x80`,
			[]string{"ticket: Spans are lost in server"},
		},
		"it ran over for five minutes, as when a first start still builds the collector": {`
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type="queue_full"} 0x10 0+20x20 400x60`, nil},
		"the collector refuses spans": {
			`
			otel_sdk_exporter_span_exported_total{job="server",instance="a",error_type="rejected"} 0+20x90`,
			[]string{"ticket: Spans are lost in server"},
		},
		"a store is away from the collector, whose queue is full": {
			`
			otelcol_exporter_enqueue_failed_spans_total{job="collector",instance="c",exporter="otlp_grpc/jaeger"} 0+20x90`,
			[]string{"ticket: Spans are lost in collector"},
		},
		"a store refuses spans of the collector": {
			`
			otelcol_exporter_send_failed_spans_total{job="collector",instance="c",exporter="sentry"} 0+20x90`,
			[]string{"ticket: Spans are lost in collector"},
		},
		"Jaeger, which is the collector, cannot store": {
			`
			otelcol_exporter_send_failed_spans_total{job="jaeger",instance="j",exporter="jaeger_storage_exporter"} 0+20x90`,
			[]string{"ticket: Spans are lost in jaeger"},
		},
		"more traces wait for a decision than there is room for": {
			`
			otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total{job="collector",instance="c"} 0+3x90`,
			[]string{"ticket: Spans are lost in collector"},
		},
		"both the service and the collector lose spans": {
			`
			otel_sdk_processor_span_processed_total{job="server",instance="a",error_type="queue_full"} 0+20x90
			otelcol_exporter_send_failed_spans_total{job="collector",instance="c",exporter="otlp_grpc/jaeger"} 0+20x90`,
			[]string{"ticket: Spans are lost in server", "ticket: Spans are lost in collector"},
		},
		"log lines find no room in the queue": {
			`
			otel_sdk_processor_log_processed_total{job="server",instance="a",error_type="queue_full"} 0+20x90`,
			[]string{"ticket: Log lines are lost in server"},
		},
		"the collector refuses log lines": {
			`
			otel_sdk_exporter_log_exported_total{job="server",instance="a",error_type="rejected"} 0+20x90`,
			[]string{"ticket: Log lines are lost in server"},
		},
		"the disk of the log is full": {
			`
			telemetry_log_lines_dropped_total{job="server",instance="a",reason="write_failed"} 0+20x90`,
			[]string{"ticket: Log lines are lost in server"},
		},
		"Loki takes no log lines": {
			`
			otelcol_exporter_send_failed_log_records_total{job="collector",instance="c",exporter="otlp_http/loki"} 0+20x90`,
			[]string{"ticket: Log lines are lost in collector"},
		},
		"the queue before Loki is full, and the service keeps what finds no room": {`
			otelcol_exporter_enqueue_failed_log_records_total{job="collector",instance="c",exporter="otlp_http/loki"} 0+20x90
			otelcol_receiver_refused_log_records_total{job="collector",instance="c",receiver="otlp",transport="grpc"} 0+20x90`, nil},
		"the error tracker refuses our key": {
			`
			telemetry_error_events_total{job="server",instance="a",outcome="rejected"} 0+1x90`,
			[]string{"ticket: The error tracker does not get all failures of server"},
		},
		"two targets expose the same series": {
			`
			prometheus_target_scrapes_sample_duplicate_timestamp_total{job="prometheus",instance="p"} 0+5x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"the disk of Prometheus is full": {
			`
			prometheus_tsdb_wal_writes_failed_total{job="prometheus",instance="p"} 0+5x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"it cannot compact what it holds": {
			`
			prometheus_tsdb_compactions_failed_total{job="prometheus",instance="p"} 0+1x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"it cannot free what it has compacted": {
			`
			prometheus_tsdb_head_truncations_failed_total{job="prometheus",instance="p"} 0+1x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"a clock went back": {
			`
			prometheus_target_scrapes_sample_out_of_order_total{job="prometheus",instance="p"} 0+5x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"a clock is hours behind": {
			`
			prometheus_target_scrapes_sample_out_of_bounds_total{job="prometheus",instance="p"} 0+5x90`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
		"the write-ahead log was damaged when Prometheus started": {
			`
			prometheus_tsdb_wal_corruptions_total{job="prometheus",instance="p"} 0x10 _x4 1x75`,
			[]string{"ticket: Samples are lost in prometheus"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.ElementsMatch(t, c.want, raised(t, up+c.series, 21*time.Minute))
		})
	}
}
