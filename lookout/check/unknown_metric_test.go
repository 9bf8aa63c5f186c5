package check

import "testing"

func TestUnknownMetric(t *testing.T) {
	cases{
		"a metric of the catalogue":              {expr: "market_faults_active"},
		"a series of a histogram":                {expr: "rate(http_server_request_duration_seconds_count[5m])"},
		"a histogram has no series of its name":  {"http_server_request_duration_seconds", "http_server_request_duration_seconds", `did you mean "http_server_request_duration_seconds_sum"`},
		"what another program exposes":           {expr: "rate(prometheus_rule_evaluation_failures_total[5m])"},
		"what a rule records":                    {expr: "slo:error_budget_remaining:ratio"},
		"what Prometheus adds to a scrape":       {expr: "scrape_samples_scraped"},
		"what Prometheus writes about alerts":    {expr: `ALERTS{alertname="TargetDown", alertstate="firing"}`},
		"a selector without a name":              {expr: `count({job="server"})`},
		"a misspelt one, in the middle":          {"1 + sum by (job) (upp)", "upp", `did you mean "up"?`},
		"a name in braces":                       {`{__name__="upp"}`, `upp`, "nothing exposes or records upp"},
		"one that is like no other has no guess": {"zebra_crossings_painted", "zebra_crossings_painted", "nothing exposes or records zebra_crossings_painted"},
	}.run(t, unknownMetric)
}
