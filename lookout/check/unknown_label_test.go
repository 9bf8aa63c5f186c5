package check

import "testing"

func TestUnknownLabel(t *testing.T) {
	cases{
		"labels of the metric and of its target": {expr: `http_server_active_requests{job="server", instance="a"}`},
		"a misspelt label in a selector":         {`up{jbo="server"}`, "jbo", `up has no label jbo: did you mean "job"?`},
		"a label of another metric":              {`up{http_route="/x"}`, "http_route", "up has no label http_route: it has instance, job"},
		"le is of buckets only":                  {`rate(http_server_request_duration_seconds_count{le="1"}[5m])`, "le", "has no label le"},
		"by a label that is gone":                {"sum by (job) (sum(up))", "job", "it has no labels at all"},
		"without a label that is not there":      {"sum without (jobs) (up)", "jobs", `did you mean "job"?`},
		"on a label that one side lacks":         {"sum by (job) (up) / on (instance) up", "instance", "the left side has no label instance"},
		"on a label that the other side lacks":   {"up / on (instance) sum by (job) (up)", "instance", "the right side has no label instance"},
		"ignoring what only one side has":        {expr: "up / ignoring (instance) group_left () sum by (job) (up)"},
		"ignoring what neither side has":         {"up / ignoring (shelf) up", "shelf", "the left side has no label shelf"},
		"group_left of a label that is not there": {
			"up * on (job) group_left (version) sum by (job) (up)", "version", "the side that it is taken from has no label version",
		},
		"group_left of a label that is there": {
			expr: "up * on (job, instance) group_left (version) market_build_info",
		},
		"a metric whose name contains the label": {`market_health_check_up{checks="database"}`, "checks", `did you mean "check"?`},
	}.run(t, unknownLabel)
}
