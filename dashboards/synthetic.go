package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// SyntheticUID is the dashboard that alerts about probes link to.
const SyntheticUID = "fm-synthetic"

// probePhase is a metric of the blackbox exporter, recorded in telemetry/inventory.
const probePhase = "probe_http_duration_seconds"

// synthetic is the dashboard of what customers would meet, seen from outside.
func synthetic(links string) *dashboard.DashboardBuilder {
	board := newBoard(SyntheticUID, "Synthetic probes",
		"What customers would meet: probes of the API from outside, and a scripted order from login to refund.", "synthetic").
		Variables(syntheticVariables()).
		Links([]cog.Builder[dashboard.DashboardLink]{
			link("Runbook", links+"/runbooks/probe-failing", "What to do when a probe fails", "doc"),
			link("Service", links+"/d/"+ServiceUID, "The API as it sees itself", "dashboard"),
			link("Home", links, "Components, pages, error traces", "external link"),
		})
	addRow(board, "Now", probesNowRow())
	addRow(board, "Probes", probesRow())
	addRow(board, "The scripted order", orderRow())
	return board
}

func syntheticVariables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").
			Label("Data source").Type("prometheus").Current(option("Market Prometheus", "prometheus")),
		multi("job", "Job", "label_values("+catalogue.ProbeSuccess.Name+", job)"),
		multi("instance", "Instance", `label_values(`+catalogue.ProbeSuccess.Name+`{job=~"$job"}, instance)`),
	}
}

func probesNowRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		number("Probes that fail", "How many of the probes failed when they were last run. Anything but 0 is what a customer meets now.", units.Short,
			current("failing", "count("+selector(catalogue.ProbeSuccess.Name)+" == 0) or vector(0)"), thresholds(good, from(1, bad))),
		number("Success over the range", "Share of all probes in the time range that succeeded.", units.PercentUnit,
			current("success", "avg(avg_over_time("+selector(catalogue.ProbeSuccess.Name)+"[$__range]))"), thresholds(bad, from(0.99, warning), from(0.999, good))),
		number("Scripted order", "How long the last scripted order took, from the first request to the cancellation.", units.Seconds,
			current("duration", "max(sum by (instance) ("+selector(catalogue.ProbeStepDuration.Name, `step!="refund"`)+"))"), thresholds(good, from(2, warning), from(5, bad))),
		number("Orders that failed", "Scripted orders that failed within the time range.", units.Short,
			current("failed", "sum(increase("+selector(catalogue.ProbeFailures.Name)+"[$__range]))"), thresholds(good, from(1, warning), from(5, bad))),
		number("Last order", "How long ago the last scripted order began. More than a minute: the probe hangs, and what it tells is old.", units.Seconds,
			current("ago", "time() - max("+selector(catalogue.ProbeLastRun.Name)+")"), thresholds(good, from(60, warning), from(300, bad))),
		number("Orders left open", "Synthetic orders that could not be cancelled and may be packed. Anything but 0 is for a market manager to cancel.", units.Short,
			current("left", "max("+selector(catalogue.ProbeOrdersLeft.Name)+")"), thresholds(good, from(1, bad))),
	}
}

func probesRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		timeline("Probes", "Whether each probe succeeded. live and ready: the process and its dependencies; docs and products: the right page and the right JSON; order: the whole way from login to refund.", gridWidth,
			query("{{probe}}", "min by (probe) ("+selector(catalogue.ProbeSuccess.Name)+")")),
		graph("Duration", "How long each probe took, failed ones included; the order's has the wait for the refund in it. A probe that gives up shows its timeout: 3 s, for the order 15 s.", units.Seconds, third,
			query("{{probe}}", "max by (probe) ("+selector(catalogue.ProbeDuration.Name)+")")),
		graph("Status", "HTTP status that each probe was answered with; for the order, the last answer of the run. 0: no answer at all.", units.NoUnit, third,
			query("{{probe}}", "max by (probe) ("+selector(catalogue.ProbeStatus.Name)+")")),
		stacked(graph("Phases of a request", "Where the time of the single requests goes: name resolution, connection, waiting for the server, transfer.", units.Seconds, third,
			query("{{phase}}", "avg by (phase) ("+selector(probePhase)+")"))),
	}
}

func orderRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		timeline("Steps of the scripted order", "Whether each step succeeded. A step after the one that failed was not tried, and has a gap.", gridWidth,
			query("{{step}}", "min by (step) ("+selector(catalogue.ProbeStepSuccess.Name)+")")),
		stacked(graph("Duration by step", "How long each step of the last scripted order took. The login is slow on purpose: passwords are hashed. The refund is made by a job, which comes every few seconds.", units.Seconds, half,
			query("{{step}}", "max by (step) ("+selector(catalogue.ProbeStepDuration.Name)+")"))),
		graph("Runs and failures", "Scripted orders a second, and those that failed, by step. The failures' exemplars lead to the traces.", units.OpsPerSecond, half,
			query("runs", sumBy(perSecond(catalogue.ProbeRuns.Name))),
			query("failed: {{step}}", sumBy(perSecond(catalogue.ProbeFailures.Name), "step")+" > 0")),
	}
}
