package recording

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var collector = source{
	program: "otelcol-contrib",
	expect: []string{
		"otelcol_receiver_accepted_spans_total",
		"otelcol_receiver_accepted_log_records_total",
		"otelcol_processor_tail_sampling_count_traces_sampled_total",
		"otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
		"otelcol_exporter_sent_spans_total",
		"otelcol_exporter_sent_log_records_total",
		"otelcol_exporter_send_failed_spans_total",
		"otelcol_exporter_send_failed_log_records_total",
		"otelcol_exporter_queue_size",
		"otelcol_exporter_queue_capacity",
		"otelcol_exporter_enqueue_failed_spans_total",
	},
	prepare: prepareCollector,
}

// collectorOverrides puts the Collector of the Docker stack on free ports and, beside its own exporters, gives it a store
// that takes everything, one that refuses everything, and one that is away and has room for a single span.
const collectorOverrides = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:%[1]d"}}}}
extensions: {health_check: {endpoint: "127.0.0.1:0"}}
exporters:
  otlp_grpc/jaeger: {endpoint: "127.0.0.1:1", sending_queue: {queue_size: 1, batch: {min_size: 1, max_size: 1}}}
  otlp_http/takes: {endpoint: %[2]q}
  otlp_http/refuses: {endpoint: %[2]q, traces_endpoint: "%[2]s/refused", logs_endpoint: "%[2]s/refused"}
service:
  pipelines:
    traces/here: {receivers: [forward/kept], exporters: [otlp_http/takes, otlp_http/refuses]}
    logs/here: {receivers: [otlp], exporters: [otlp_http/refuses]}
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d, without_type_suffix: false, without_units: false}}}}]}
`

func prepareCollector(ctx context.Context, options Options, r *run) error {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if strings.HasPrefix(request.URL.Path, "/refused") {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	r.cleanUp = func() error { store.Close(); return nil }
	otlp, err := freePort(ctx)
	if err != nil {
		return err
	}
	here := filepath.Join(r.dir, "here.yaml")
	if err := os.WriteFile(here, fmt.Appendf(nil, collectorOverrides, otlp, store.URL, r.port), 0o600); err != nil {
		return fmt.Errorf("write the Collector's addresses: %w", err)
	}
	for _, file := range []string{"config.yaml", "sampling.yaml", "loki.yaml"} {
		r.args = append(r.args, "--config="+filepath.Join(options.Root, "compose", "collector", file))
	}
	r.args = append(r.args, "--config="+here)
	r.env = []string{"LOKI_URL=" + store.URL, "SAMPLING_WAIT=1s"}
	r.provoke = func(ctx context.Context) error { return sendTelemetry(ctx, fmt.Sprintf("http://127.0.0.1:%d", otlp)) }
	return nil
}

// sendTelemetry sends traces that are kept, more than the store that is away has room for, and a log line.
func sendTelemetry(ctx context.Context, otlp string) error {
	now := time.Now().UnixNano()
	for range 20 {
		id := make([]byte, 24)
		_, _ = rand.Read(id) // it never fails
		span := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":%q,"spanId":%q,"name":"recorded",
			"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":2}}]}]}]}`,
			hex.EncodeToString(id[:16]), hex.EncodeToString(id[16:]), now, now+1)
		if err := post(ctx, otlp+"/v1/traces", span); err != nil {
			return err
		}
	}
	return post(ctx, otlp+"/v1/logs", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"recorded"}}]}]}]}`)
}

func post(ctx context.Context, url, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("send to the Collector: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("send to the Collector: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("send to the Collector: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("send to the Collector: %s answered %s, want 200", url, response.Status)
	}
	return nil
}
