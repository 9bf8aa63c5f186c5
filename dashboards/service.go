package dashboards

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/farmersmarket/platform/slo"
)

// ServiceUID is the dashboard that alerts link to.
const ServiceUID = "fm-service"

// service is the dashboard of the API: from the promise made to users at the top, down to what may have broken it.
func service(links string) *dashboard.DashboardBuilder {
	board := newBoard(ServiceUID, "Market service",
		"The market API: objective, requests, dependencies, runtime, and the telemetry itself.", "service").
		Variables(variables()).
		Links([]cog.Builder[dashboard.DashboardLink]{
			link("Runbook", links+"/runbooks/${slo}", "What to do when this SLO's budget burns", "doc"),
			link("Telemetry pipeline", links+"/d/"+PipelineUID, "Whether what this dashboard shows arrives", "dashboard"),
			link("Home", links, "Components, pages, error traces", "external link"),
		})
	for _, row := range []struct {
		title  string
		panels []cog.Builder[dashboard.Panel]
	}{
		{"Now", overviewRow()},
		{"Service level objective: $slo", sloRow()},
		{"Requests, errors, latency", requestsRow()},
		{"Health and faults", healthRow()},
		{"Database", databaseRow()},
		{"Go runtime and process", runtimeRow()},
		{"Telemetry pipeline", pipelineRow()},
	} {
		addRow(board, row.title, row.panels)
	}
	return board
}

func variables() []cog.Builder[dashboard.VariableModel] {
	all := append(processVariables(), multi("route", "Route", "label_values("+selector(requests.Count())+", "+route+")"))
	objective := single("slo", "SLO", "label_values("+slo.ObjectiveRatio+", slo)").Current(option("api-availability", "api-availability"))
	return slices.Insert(all, 1, cog.Builder[dashboard.VariableModel](objective)) // behind the data source
}

// processVariables choose the data source and the processes. The job comes first: instances and all behind them are
// those of the jobs chosen.
func processVariables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").
			Label("Data source").Type("prometheus").Current(option("Market Prometheus", "prometheus")),
		multi("job", "Job", "label_values("+requests.Count()+", job)"),
		multi("instance", "Instance", "label_values("+requests.Count()+`{job=~"$job"}, instance)`),
	}
}

func single(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).Datasource(metrics()).Query(dashboard.StringOrMap{String: &query}).Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
}

// multi offers all values at once. ".+" and not ".*": a series without the label is not one of ours.
func multi(name, label, query string) *dashboard.QueryVariableBuilder {
	return single(name, label, query).Multi(true).IncludeAll(true).AllValue(".+").Current(option("All", "$__all"))
}

func option(text, value string) dashboard.VariableOption {
	return dashboard.VariableOption{
		Text:  dashboard.StringOrArrayOfString{String: &text},
		Value: dashboard.StringOrArrayOfString{String: &value},
	}
}

func link(title, url, tooltip, icon string) cog.Builder[dashboard.DashboardLink] {
	return dashboard.NewDashboardLinkBuilder(title).
		Type(dashboard.DashboardLinkTypeLink).Url(url).Tooltip(tooltip).Icon(icon).TargetBlank(true)
}

// alertsAndComments is the query that Grafana adds to every dashboard that lacks it.
func alertsAndComments() cog.Builder[dashboard.AnnotationQuery] {
	return dashboard.NewAnnotationQueryBuilder().
		Name("Annotations & Alerts").Datasource(grafanaItself()).
		Enable(true).Hide(true).BuiltIn(1).IconColor("rgba(0, 211, 255, 1)").Type("dashboard")
}

// deploys marks what `lookout apply --annotate`, or a release pipeline, has posted with the tag "deploy".
func deploys() cog.Builder[dashboard.AnnotationQuery] {
	return dashboard.NewAnnotationQueryBuilder().
		Name("Deploys").Datasource(grafanaItself()).
		Enable(true).IconColor("purple").Target(tagged("deploy"))
}

func grafanaItself() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("grafana"), Uid: cog.ToPtr("-- Grafana --")}
}

// tagged is an annotation target: the annotations that carry a tag. The SDK's own type for it does not fit its query
// builder.
type tagged string

// Build implements cog.Builder.
func (t tagged) Build() (variants.Dataquery, error) {
	return variants.UnknownDataquery{
		"limit": 100, "matchAny": false, "tags": []string{string(t)}, "type": "tags",
	}, nil
}
