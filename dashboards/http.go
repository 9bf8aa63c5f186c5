package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/slo"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

var (
	requests = catalogue.HTTPServerRequestDuration
	route    = catalogue.HTTPRoute.Name
	method   = catalogue.HTTPMethod.Name
	status   = catalogue.HTTPStatus.Name
	errType  = catalogue.ErrorType.Name

	// chosenRoutes applies the route variable.
	chosenRoutes = route + `=~"$route"`
	// serverErrors are the answers that the availability SLO counts against its budget.
	serverErrors = status + `=~"5.."`
	// failed are the answers that have an error category, the client's mistakes included.
	failed = errType + `!=""`
)

// errorRatio is the share of requests answered with 5xx, by the labels given. It is NaN, and so not drawn, while there is
// no traffic.
func errorRatio(labels ...string) string {
	return sumBy(perSecond(requests.Count(), chosenRoutes, serverErrors), labels...) +
		" / " + sumBy(perSecond(requests.Count(), chosenRoutes), labels...)
}

func overviewRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		number("Error budget left", "Share of the 30-day error budget of the chosen SLO that is left.", units.PercentUnit,
			query("Budget left", ofSLO(slo.BudgetRemainingRatio)), thresholds(bad, from(0, warning), from(0.25, good))).Decimals(1),
		number("Burn rate, 1 hour", "How many times faster than allowed the budget was spent in the last hour. 14.4 pages.",
			units.Short, query("Burn rate", ofSLO(slo.BurnRate(slo.Window1h))),
			thresholds(good, burnThresholds()...)).Decimals(2),
		number("Requests", "Requests answered per second, on the chosen routes.", units.RequestsPerSecond,
			query("Requests", sumBy(perSecond(requests.Count(), chosenRoutes))), thresholds(calm)),
		number("Errors", "Share of requests answered with 5xx, on the chosen routes.", units.PercentUnit,
			query("Errors", errorRatio()), thresholds(good, from(0.001, warning), from(0.01, bad))).Decimals(2),
		number("Latency, p95", "95 of 100 requests on the chosen routes were answered faster than this.", units.Seconds,
			query("p95", quantile(0.95, requests, nil, chosenRoutes)), thresholds(good, from(0.3, warning), from(1, bad))),
		number("Faults in force", "Injected faults in force. Anything but 0 outside a drill is a mistake.", units.Short,
			query("Faults", sumBy(selector(catalogue.FaultsActive.Name))), thresholds(good, from(1, bad))),
	}
}

func requestsRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Requests by route", "Requests answered per second, stacked by route.", units.RequestsPerSecond, half,
			query("{{"+route+"}}", sumBy(perSecond(requests.Count(), chosenRoutes), route)))),
		stacked(graph("Requests by status", "Requests answered per second, stacked by status code.", units.RequestsPerSecond, half,
			query("{{"+status+"}}", sumBy(perSecond(requests.Count(), chosenRoutes), status)))),
		graph("Error ratio by route", "Share of requests answered with 5xx, for every route.", units.PercentUnit, half,
			query("{{"+route+"}}", errorRatio(route))),
		graph("Errors by category", "Failed requests per second by error category, the client's mistakes included. The catalogue says what each category means; injected ones are drills.",
			units.RequestsPerSecond, half,
			query("{{"+errType+"}}", sumBy(perSecond(requests.Count(), chosenRoutes, failed), errType))),
		latencyGraph(),
		heat("Latency distribution", "How many requests per second took how long. Two bands mean two kinds of request, or a slow dependency. The dots are exemplars: click one to open its trace.",
			units.Seconds, half,
			exemplars("{{le}}", sumBy(perSecond(requests.Bucket(), chosenRoutes), "le")).Format(prometheus.PromQueryFormatHeatmap)),
		graph("p95 latency by route", "95 of 100 requests of the route were answered faster than this.", units.Seconds, half,
			query("{{"+route+"}}", quantile(0.95, requests, []string{route}, chosenRoutes))),
		graph("Requests in flight", "Requests being answered now. It rises when answers get slow faster than it rises with traffic.", units.Short, half,
			query("{{instance}}", sumBy(selector(catalogue.HTTPServerActiveRequests.Name), "instance"))),
		routeTable(),
	}
}

// latencyGraph shows the exemplars of one query only: the same traces would be drawn three times.
func latencyGraph() cog.Builder[dashboard.Panel] {
	return graph("Latency", "How long requests take. The dots are exemplars: hover over one and follow \"Open trace\".", units.Seconds, half,
		query("p50", quantile(0.5, requests, nil, chosenRoutes)),
		query("p95", quantile(0.95, requests, nil, chosenRoutes)),
		exemplars("p99", quantile(0.99, requests, nil, chosenRoutes)))
}

// routeTable is the whole row in figures. The queries become columns: merge joins them on route and method, organize
// names them.
func routeTable() cog.Builder[dashboard.Panel] {
	labels := []string{route, method}
	column := func(refID, expr string) *prometheus.DataqueryBuilder {
		return current("", expr).Format(prometheus.PromQueryFormatTable).RefId(refID)
	}
	colours := map[string]any{"mode": "absolute", "steps": []map[string]any{
		{"color": good, "value": nil}, {"color": warning, "value": 0.001}, {"color": bad, "value": 0.01},
	}}
	return table.NewPanelBuilder().
		Title("Routes").
		Description("The last few minutes of every route: traffic, share of 5xx answers, and latency. Click a heading to sort.").
		Datasource(metrics()).Span(gridWidth).Height(graphRows).Unit(units.Seconds).NoValue("–").
		WithTarget(column("A", sumBy(perSecond(requests.Count(), chosenRoutes), labels...)+" > 0")).
		WithTarget(column("B", errorRatio(labels...))).
		WithTarget(column("C", quantile(0.5, requests, labels, chosenRoutes))).
		WithTarget(column("D", quantile(0.95, requests, labels, chosenRoutes))).
		WithTarget(column("E", quantile(0.99, requests, labels, chosenRoutes))).
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true},
			"indexByName": map[string]int{
				route: 0, method: 1, "Value #A": 2, "Value #B": 3, "Value #C": 4, "Value #D": 5, "Value #E": 6,
			},
			"renameByName": map[string]string{
				route: "Route", method: "Method", "Value #A": "Requests", "Value #B": "Errors",
				"Value #C": "p50", "Value #D": "p95", "Value #E": "p99",
			},
		}}).
		OverrideByName("Requests", []dashboard.DynamicConfigValue{property("unit", units.RequestsPerSecond)}).
		OverrideByName("Errors", []dashboard.DynamicConfigValue{
			property("unit", units.PercentUnit), property("decimals", 2), property("thresholds", colours),
			property("custom.cellOptions", map[string]any{"type": "color-text"}),
		}).
		OverrideByName("Route", []dashboard.DynamicConfigValue{property("custom.minWidth", 260)}).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{})).
		SortBy([]cog.Builder[common.TableSortByFieldState]{
			common.NewTableSortByFieldStateBuilder().DisplayName("Requests").Desc(true),
		})
}
