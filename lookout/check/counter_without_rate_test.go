package check

import "testing"

func TestCounterWithoutRate(t *testing.T) {
	cases{
		"with rate":                        {expr: "sum(rate(market_faults_injected_total[5m]))"},
		"with increase in a quantile":      {expr: "histogram_quantile(0.9, sum by (le) (increase(http_server_request_duration_seconds_bucket[5m])))"},
		"as it is":                         {"sum(market_faults_injected_total)", "market_faults_injected_total", "without rate() or increase()"},
		"buckets as they are":              {"histogram_quantile(0.9, http_server_request_duration_seconds_bucket)", "http_server_request_duration_seconds_bucket", "without rate()"},
		"its change by delta":              {"delta(market_faults_injected_total[5m])", "market_faults_injected_total", "without rate()"},
		"only whether it is there":         {expr: "absent(market_faults_injected_total)"},
		"only how many series it has":      {expr: "count(market_faults_injected_total)"},
		"a gauge as it is":                 {expr: "market_faults_active"},
		"a quantile of a summary as it is": {expr: `go_gc_duration_seconds{quantile="1"}`},
		"the count of a summary as it is":  {"go_gc_duration_seconds_count", "go_gc_duration_seconds_count", "without rate()"},
	}.run(t, counterWithoutRate)

	t.Run("an SLO's query names counters, and increase() is added later", func(t *testing.T) {
		e := expression{text: "market_faults_injected_total", selects: true}.parse()
		if found := counterWithoutRate(realSchema(t), e); len(found) > 0 {
			t.Fatal(found)
		}
	})
}
