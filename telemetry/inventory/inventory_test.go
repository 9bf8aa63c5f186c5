package inventory_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/inventory"
)

const exposition = `# TYPE jobs_total counter
jobs_total{queue="a",result="ok"} 1
jobs_total{queue="b"} 2
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="a",le="+Inf"} 1
wait_seconds_sum{queue="a"} 1
wait_seconds_count{queue="a"} 1
# TYPE gc_seconds summary
gc_seconds{quantile="0.5"} 1
gc_seconds_sum 1
gc_seconds_count 1
# TYPE http_server_active_requests gauge
http_server_active_requests 1
some_value 3
`

func TestRecord(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(exposition))
	}))
	defer server.Close()

	t.Run("each metric with its type and the labels of all its series, but none that the catalogue declares of the program", func(t *testing.T) {
		program, err := inventory.Record(t.Context(), server.Client(), "server", server.URL+"/metrics")
		require.NoError(t, err)
		require.Equal(t, inventory.Program{Job: "server", Metrics: []inventory.Metric{
			{Name: "gc_seconds", Type: inventory.Summary},
			{Name: "jobs_total", Type: inventory.Counter, Labels: []string{"queue", "result"}},
			{Name: "some_value", Type: inventory.Untyped},
			{Name: "wait_seconds", Type: inventory.Histogram, Labels: []string{"queue"}},
		}}, program)
	})
	t.Run("a page that is not there", func(t *testing.T) {
		_, err := inventory.Record(t.Context(), server.Client(), "jobs", server.URL)
		require.ErrorContains(t, err, "answered 404 Not Found, want 200")
	})
	t.Run("a program that does not run", func(t *testing.T) {
		_, err := inventory.Record(t.Context(), server.Client(), "jobs", "http://127.0.0.1:1/metrics")
		require.ErrorContains(t, err, "is it running?")
	})
	t.Run("a page that is no metrics page", func(t *testing.T) {
		_, err := inventory.Parse("jobs", strings.NewReader("<html>\n"))
		require.ErrorContains(t, err, "not a metrics page")
	})
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	program, err := inventory.Parse("jobs", strings.NewReader(exposition))
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, program.Write(&text))
	require.Contains(t, text.String(), "\njobs_total counter queue result\n")
	again, err := inventory.Read("jobs", strings.NewReader(text.String()))
	require.NoError(t, err)
	var rewritten strings.Builder
	require.NoError(t, again.Write(&rewritten))
	require.Equal(t, text.String(), rewritten.String())
}

func TestALineThatIsNoMetricIsAnError(t *testing.T) {
	for _, line := range []string{"alone", "name colour"} {
		_, err := inventory.Read("jobs", strings.NewReader("# comment\n\n"+line+"\n"))
		require.ErrorContains(t, err, "line 3")
	}
}

func TestMergeKeepsWhatIsExposedOnlySometimes(t *testing.T) {
	before := inventory.Program{Job: "jobs", Metrics: []inventory.Metric{
		{Name: "failures_total", Type: inventory.Counter, Labels: []string{"reason"}},
		{Name: "jobs_total", Type: inventory.Gauge, Labels: []string{"queue"}},
	}}
	now := inventory.Program{Job: "jobs", Metrics: []inventory.Metric{{Name: "jobs_total", Type: inventory.Counter, Labels: []string{"result"}}}}
	require.Equal(t, []inventory.Metric{
		{Name: "failures_total", Type: inventory.Counter, Labels: []string{"reason"}},
		{Name: "jobs_total", Type: inventory.Counter, Labels: []string{"queue", "result"}},
	}, now.Merge(before).Metrics)
}

func TestLacks(t *testing.T) {
	program := inventory.Program{Job: "jobs", Metrics: []inventory.Metric{{Name: "jobs_total"}}}
	require.NoError(t, program.Lacks([]string{"jobs_total"}))
	require.EqualError(t, program.Lacks([]string{"jobs_total", "failures_total", "waits"}), "jobs does not expose failures_total, waits")
}

func TestWhatIsRecorded(t *testing.T) {
	programs, err := inventory.Load()
	require.NoError(t, err)
	series := map[string][]string{}
	for _, p := range programs {
		for _, m := range p.Metrics {
			for _, s := range m.Series() {
				series[p.Job+" "+s] = m.SeriesLabels(s)
			}
		}
	}
	require.Equal(t, []string{"rule_group"}, series["prometheus prometheus_rule_evaluations_total"])
	require.Contains(t, series, "alertmanager alertmanager_notifications_failed_total")
	require.Contains(t, series, "prometheus go_goroutines")
	require.Equal(t, []string{"quantile"}, series["prometheus go_gc_duration_seconds"])
	require.Contains(t, series, "jaeger otelcol_process_uptime_seconds_total")
	require.Contains(t, series, "server go_goroutines")
	require.Contains(t, series, "server process_resident_memory_bytes")
	require.Equal(t, []string{"exporter"}, series["collector otelcol_exporter_enqueue_failed_spans_total"])
	for _, job := range []string{"collector", "jaeger"} {
		require.Contains(t, series[job+" otelcol_processor_tail_sampling_count_traces_sampled_total"], "policy")
	}
	require.Contains(t, series["postgres pg_stat_user_tables_n_dead_tup"], "relname")
	require.Contains(t, series, "redis redis_memory_used_bytes")
	require.Equal(t, []string{"cpu", "mode"}, series["node node_cpu_seconds_total"])
}
