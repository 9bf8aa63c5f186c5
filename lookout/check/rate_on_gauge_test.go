package check

import "testing"

func TestRateOnGauge(t *testing.T) {
	cases{
		"the rate of a counter":             {expr: "rate(market_faults_injected_total[5m])"},
		"the rate of a histogram's count":   {expr: "rate(http_server_request_duration_seconds_count[5m])"},
		"the rate of a gauge":               {"rate(market_faults_active[5m])", "market_faults_active", "rate() of the gauge market_faults_active"},
		"the increase of a gauge":           {"sum(increase(go_goroutines[5m]))", "go_goroutines", "increase() of the gauge"},
		"the rate of a recorded series":     {"rate(slo:events_bad:increase5m[1h])", "slo:events_bad:increase5m", "rate() of the gauge"},
		"the rate of a gauge in a subquery": {"max_over_time(rate(go_goroutines[5m])[1h:1m])", "go_goroutines", "rate() of the gauge"},
		"the change of a gauge":             {expr: "delta(market_faults_active[5m])"},
		"the mean of a gauge":               {expr: "avg_over_time(market_faults_active[5m])"},
	}.run(t, rateOnGauge)
}
