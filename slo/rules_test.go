package slo_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/slo"
)

func expressions(s slo.SLO) map[string]string {
	all := map[string]string{}
	for _, group := range s.Groups("http://localhost:8090") {
		for _, rule := range group.Rules {
			all[rule.Record+rule.Labels[slo.LabelLongWindow]] = rule.Expr
		}
	}
	return all
}

func TestRulesReadWell(t *testing.T) {
	got := expressions(apiAvailability(t))
	for name, want := range map[string]string{
		slo.EventsTotal(slo.Window5m): `sum(increase(http_server_request_duration_seconds_count{http_route=~"/api/v1/.+"}[5m]))`,
		slo.EventsTotal(slo.Window1h): `sum(increase(http_server_request_duration_seconds_count{http_route=~"/api/v1/.+"}[1h]))
/ on () (count_over_time(slo:events_total:increase5m{service="market-api",slo="api-availability"}[1h:10s]) / 360)`,
		slo.EventsTotal(slo.Window3d): `avg_over_time(slo:events_total:increase5m{service="market-api",slo="api-availability"}[3d:5m]) * 864
and count_over_time(slo:events_total:increase5m{service="market-api",slo="api-availability"}[3d:5m]) >= 12
or slo:events_total:increase1h{service="market-api",slo="api-availability"} * 72`,
		slo.EventsBad(slo.Window30d): `sum_over_time(slo:events_bad:increase5m{service="market-api",slo="api-availability"}[30d:5m])
> slo:events_bad:increase1h{service="market-api",slo="api-availability"}
or slo:events_bad:increase1h{service="market-api",slo="api-availability"}`,
		slo.ErrorRatio(slo.Window1h): `slo:events_bad:increase1h{service="market-api",slo="api-availability"}
/ clamp_min(slo:events_total:increase1h{service="market-api",slo="api-availability"}, 1)`,
		slo.ObjectiveRatio: "vector(0.999)",
		slo.BudgetRatio:    "vector(0.001)",
		"1h": `slo:error_ratio:ratio_rate1h{service="market-api",slo="api-availability"} > 14.4 * (1 - 0.999)
and slo:error_ratio:ratio_rate5m{service="market-api",slo="api-availability"} > 14.4 * (1 - 0.999)
and slo:events_bad:increase1h{service="market-api",slo="api-availability"} >= 5`,
	} {
		require.Equal(t, want, got[name])
	}
}

func TestEveryNamedSeriesIsRecorded(t *testing.T) {
	got := expressions(apiAvailability(t))
	for _, w := range slo.Windows() {
		require.Contains(t, got, slo.EventsTotal(w))
		require.Contains(t, got, slo.EventsBad(w))
		require.Contains(t, got, slo.ErrorRatio(w))
	}
	for _, w := range []slo.Window{slo.Window5m, slo.Window1h, slo.Window6h, slo.Window3d} {
		require.Contains(t, got, slo.BurnRate(w))
	}
	for _, name := range []string{slo.BudgetRemainingRatio, slo.BudgetExhaustionSeconds} {
		require.Contains(t, got, name)
	}
}

// A tree prints without the brackets that its shape may need. Read back, the text must be the same tree.
func TestTheTextMeansWhatTheTreeMeant(t *testing.T) {
	for name, text := range expressions(apiAvailability(t)) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		require.NoError(t, err, name)
		require.Equal(t, strings.Join(strings.Fields(text), " "), expr.String(), name)
	}
}

func TestObjectivesOfAnyPrecisionStayDecimal(t *testing.T) {
	leaked := regexp.MustCompile(`\d\.\d*(0000000|9999999)\d*`)
	for _, target := range []string{"0.9999", "0.99999", "0.995", "0.97", "0.9325", "0.998765"} {
		slos, err := slo.Parse("a.yaml", edit(t, "target: 0.999", "target: "+target))
		require.NoError(t, err)
		for _, group := range slos[0].Groups("http://localhost:8090") {
			for _, rule := range group.Rules {
				requireDecimal(t, leaked, rule)
			}
		}
		require.Contains(t, expressions(slos[0])["1h"], "14.4 * (1 - "+target+")")
	}
}

func requireDecimal(t *testing.T, leaked *regexp.Regexp, rule rulefmt.Rule) {
	t.Helper()
	require.NotRegexp(t, leaked, rule.Expr)
	for _, text := range rule.Annotations {
		require.NotRegexp(t, leaked, text)
	}
}
