package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// selector selects a series of the jobs and instances chosen at the top of the dashboard. matchers are further PromQL
// label matchers.
func selector(series string, matchers ...string) string {
	all := append([]string{`job=~"$job"`, `instance=~"$instance"`}, matchers...)
	return series + "{" + strings.Join(all, ", ") + "}"
}

// perSecond is the rate of a counter.
func perSecond(series string, matchers ...string) string {
	return "rate(" + selector(series, matchers...) + "[$__rate_interval])"
}

// sumBy sums an expression; without labels it sums everything.
func sumBy(expr string, labels ...string) string {
	if len(labels) == 0 {
		return "sum(" + expr + ")"
	}
	return "sum by (" + strings.Join(labels, ", ") + ") (" + expr + ")"
}

// quantile is the q-quantile of a classic histogram, by the labels given.
func quantile(q float64, histogram catalogue.Metric, labels []string, matchers ...string) string {
	return fmt.Sprintf("histogram_quantile(%g, %s)",
		q, sumBy(perSecond(histogram.Bucket(), matchers...), append([]string{"le"}, labels...)...))
}

// query is a range query: what a graph over time plots.
func query(legend, expr string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		Expr(expr).LegendFormat(legend).Range().EditorMode(prometheus.QueryEditorModeCode)
}

// exemplars is a range query that shows, beside the line, the traces behind single requests. Grafana attaches exemplars
// to range queries only.
func exemplars(legend, expr string) *prometheus.DataqueryBuilder {
	return query(legend, expr).Exemplar(true)
}

// current is an instant query: one value per series, as stats and tables show.
func current(legend, expr string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		Expr(expr).LegendFormat(legend).Instant().EditorMode(prometheus.QueryEditorModeCode)
}

// metrics is the data source chosen at the top of the dashboard.
func metrics() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}
