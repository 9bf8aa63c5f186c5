package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// PipelineUID is the dashboard that alerts about what watches link to.
const PipelineUID = "fm-pipeline"

// Metrics of the collectors: the Collector of the Docker stack and Jaeger, which is one. Recorded in telemetry/inventory.
const (
	spansReceived      = "otelcol_receiver_accepted_spans_total"
	spansRefused       = "otelcol_receiver_refused_spans_total"
	spansSent          = "otelcol_exporter_sent_spans_total"
	spansSendFailed    = "otelcol_exporter_send_failed_spans_total"
	spansEnqueueFailed = "otelcol_exporter_enqueue_failed_spans_total"
	logsReceived       = "otelcol_receiver_accepted_log_records_total"
	logsRefused        = "otelcol_receiver_refused_log_records_total"
	logsSent           = "otelcol_exporter_sent_log_records_total"
	logsSendFailed     = "otelcol_exporter_send_failed_log_records_total"
	exporterQueue      = "otelcol_exporter_queue_size"
	exporterCapacity   = "otelcol_exporter_queue_capacity"
	tracesDecided      = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
	tracesByPolicy     = "otelcol_processor_tail_sampling_count_traces_sampled_total"
	tracesWaiting      = "otelcol_processor_tail_sampling_sampling_traces_on_memory"
	tracesTooEarly     = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total"

	perJob      = "job"
	perExporter = "exporter"
	perDataType = "data_type"
	// toStore is the legend of what a collector sends.
	toStore = "{{job}} to {{exporter}}"
)

var (
	// rejected is what the collector refused for good, exported what it took, and triedAgain what it may take later.
	rejected   = errType + `="rejected"`
	exported   = errType + `=""`
	triedAgain = errType + `="unavailable"`
	// untold are the failures that the error tracker did not get. One that was suppressed is told of by another.
	untold = `outcome!~"` + catalogue.ErrorEventSent + `|` + catalogue.ErrorEventSuppressed + `"`
)

// pipeline is the dashboard of what watches: whether anything is lost, where, and what is about to be.
func pipeline(links string) *dashboard.DashboardBuilder {
	board := newBoard(PipelineUID, "Telemetry pipeline",
		"What watches, watched: spans, log lines, errors, samples and alerts on their way, and what is lost of them.", "pipeline").
		Variables(pipelineVariables()).
		Links([]cog.Builder[dashboard.DashboardLink]{
			link("Telemetry is lost", links+"/runbooks/telemetry-lost", "What to do when telemetry reaches no store", "doc"),
			link("Alerting fails", links+"/runbooks/alerting-failing", "What to do when alerts may not reach the on-call", "doc"),
			link("Service", links+"/d/"+ServiceUID, "The API as it sees itself", "dashboard"),
			link("Home", links, "Components, pages, error traces", "external link"),
		})
	addRow(board, "Is anything lost?", lossRow())
	addRow(board, "Where?", lossesRow())
	addRow(board, "Held up, and not lost yet", heldUpRow())
	addRow(board, "From the service to the store", wayRow())
	addRow(board, "Which traces are kept", samplingRow())
	addRow(board, "Prometheus", prometheusRow())
	addRow(board, "From a rule to the pager", alertingRow())
	addRow(board, "Exporters of the stores", storesRow())
	return board
}

// pipelineVariables offer every program that is scraped.
func pipelineVariables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").
			Label("Data source").Type("prometheus").Current(option("Market Prometheus", "prometheus")),
		multi("job", "Job", "label_values(up, job)"),
		multi("instance", "Instance", `label_values(up{job=~"$job"}, instance)`),
	}
}

// grown is how much a counter grew within the time range; 0 also where no program has it.
func grown(series string, matchers ...string) string {
	return "(" + sumBy("increase("+selector(series, matchers...)+"[$__range])") + " or vector(0))"
}

func lossRow() []cog.Builder[dashboard.Panel] {
	lost := func(title, description string, expr string) cog.Builder[dashboard.Panel] {
		return number(title, description+" Anything but 0 has its place in the row below.", units.Short,
			current("lost", expr), thresholds(good, from(1, bad))).Decimals(0)
	}
	return []cog.Builder[dashboard.Panel]{
		lost("Spans lost", "Spans of the time range that a full queue dropped, or that were refused for good, in the service and in the collectors.",
			grown(catalogue.SpansProcessed.Name, failed)+" + "+grown(catalogue.SpansExported.Name, rejected)+
				" + "+grown(spansEnqueueFailed)+" + "+grown(spansSendFailed)),
		lost("Traces lost", "Traces of the time range that a collector dropped before it had decided whether to keep them.", grown(tracesTooEarly)),
		lost("Log lines lost", "Log lines of the time range that were not written, that a full queue dropped, or that were refused for good.",
			grown(catalogue.LogsProcessed.Name, failed)+" + "+grown(catalogue.LogsExported.Name, rejected)+" + "+
				grown(catalogue.LogLinesDropped.Name)+" + "+grown(logsSendFailed)),
		lost("Error events lost", "Failures of the time range that the error tracker did not get.", grown(catalogue.ErrorEvents.Name, untold)),
		lost("Samples lost", "Samples of the time range that Prometheus refused, and writes that failed.",
			grown(samplesOutOfOrder)+" + "+grown(samplesDuplicate)+" + "+grown(samplesOutOfBounds)+" + "+grown(walWritesFailed)+" + "+grown(walCorruptions)),
		lost("Notifications failed", "Alerts of the time range that Prometheus could not hand over, and notifications that Alertmanager could not deliver. Both try again.",
			grown(alertsDropped)+" + "+grown(notificationsFailed)),
	}
}

func lossesRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Spans lost by place", "Spans per second that are lost. A full queue: what comes next takes too few. Rejected, gave up: what comes next refuses them, or is away for too long.",
			units.OpsPerSecond, half,
			query("{{job}}: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansProcessed.Name, failed), perJob, errType)),
			query("{{job}}: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansExported.Name, rejected), perJob, errType)),
			query(toStore+": queue full", sumBy(perSecond(spansEnqueueFailed), perJob, perExporter)),
			query(toStore+": gave up", sumBy(perSecond(spansSendFailed), perJob, perExporter)))),
		stacked(graph("Log lines lost by place", "Log lines per second that are lost, on their way to the collector and its stores, or to the service's own output.",
			units.OpsPerSecond, half,
			query("{{job}}: {{"+errType+"}}", sumBy(perSecond(catalogue.LogsProcessed.Name, failed), perJob, errType)),
			query("{{job}}: {{"+errType+"}}", sumBy(perSecond(catalogue.LogsExported.Name, rejected), perJob, errType)),
			query("{{job}} output: {{reason}}", sumBy(perSecond(catalogue.LogLinesDropped.Name), perJob, "reason")),
			query(toStore+": gave up", sumBy(perSecond(logsSendFailed), perJob, perExporter)))),
		graph("Traces lost undecided", "Traces per second dropped before the decision, because more wait than there is room for (SAMPLING_TRACES). What was kept of them is chance.",
			units.OpsPerSecond, third, query("{{job}}", sumBy(perSecond(tracesTooEarly), perJob))),
		graph("Error events by outcome", "Failures reported to the error tracker, per second. Suppressed: another of its kind was sent a moment ago.",
			units.OpsPerSecond, third, query("{{outcome}}", sumBy(perSecond(catalogue.ErrorEvents.Name), "outcome"))),
		graph("Samples lost by reason", "Samples per second that Prometheus refused, and writes that failed. Out of order and duplicate: two targets expose the same series. Out of bounds: a clock is wrong.",
			units.OpsPerSecond, third,
			query("out of order", sumBy(perSecond(samplesOutOfOrder))), query("duplicate", sumBy(perSecond(samplesDuplicate))),
			query("out of bounds", sumBy(perSecond(samplesOutOfBounds))), query("write failed", sumBy(perSecond(walWritesFailed))),
			query("log damaged", sumBy(perSecond(walCorruptions)))),
	}
}

func heldUpRow() []cog.Builder[dashboard.Panel] {
	fullness := func(size, capacity catalogue.Metric) string {
		return sumBy(selector(size.Name), perInstanceName) + " / " + sumBy(selector(capacity.Name), perInstanceName)
	}
	return []cog.Builder[dashboard.Panel]{
		thresholdLines(graph("Queues of the service", "How full the service's export queues are. At 1 what is finished is dropped. They fill while the collector is away or refuses.",
			units.PercentUnit, third,
			query("{{instance}} spans", fullness(catalogue.SpanQueueSize, catalogue.SpanQueueCapacity)),
			query("{{instance}} log lines", fullness(catalogue.LogQueueSize, catalogue.LogQueueCapacity))).Max(1), from(0.8, bad)),
		thresholdLines(graph("Queues of the collectors", "How full the queue before each store is. At 1 what comes is dropped. Jaeger as the collector has none: it stores at once.",
			units.PercentUnit, third,
			query("{{job}} to {{exporter}}, {{data_type}}", sumBy(selector(exporterQueue), perJob, perExporter, perDataType)+
				" / "+sumBy(selector(exporterCapacity), perJob, perExporter, perDataType))).Max(1), from(0.8, bad)),
		graph("Refused, and tried again", "Per second: what the service tries again because the collector is away or has no room, and what collectors refused to take, most often because their memory is used up.",
			units.OpsPerSecond, third,
			query("{{job}} spans again", sumBy(perSecond(catalogue.SpansExported.Name, triedAgain), perJob)),
			query("{{job}} log lines again", sumBy(perSecond(catalogue.LogsExported.Name, triedAgain), perJob)),
			query("{{job}} refused spans", sumBy(perSecond(spansRefused), perJob)),
			query("{{job}} refused log lines", sumBy(perSecond(logsRefused), perJob))),
	}
}

func wayRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		graph("Spans from stage to stage", "Spans per second at each stage, from the service to the store. Each line lies on the one before it, but where a collector keeps a share of the traces.",
			units.OpsPerSecond, half,
			query("{{job}} finished", sumBy(perSecond(catalogue.SpansProcessed.Name), perJob)),
			query("{{job}} exported", sumBy(perSecond(catalogue.SpansExported.Name, exported), perJob)),
			query("{{job}} received", sumBy(perSecond(spansReceived), perJob)),
			query(toStore, sumBy(perSecond(spansSent), perJob, perExporter))),
		graph("Log lines from stage to stage", "Log lines per second at each stage. Only where the service exports them (OTLP_LOGS).", units.OpsPerSecond, half,
			query("{{job}} written", sumBy(perSecond(catalogue.LogsProcessed.Name), perJob)),
			query("{{job}} exported", sumBy(perSecond(catalogue.LogsExported.Name, exported), perJob)),
			query("{{job}} received", sumBy(perSecond(logsReceived), perJob)),
			query(toStore, sumBy(perSecond(logsSent), perJob, perExporter))),
	}
}

func samplingRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		graph("Traces decided", "Traces per second that were kept, and that were not. Empty where every trace is kept without a decision.", units.OpsPerSecond, third,
			query("{{job}} sampled: {{sampled}}", sumBy(perSecond(tracesDecided), perJob, "sampled"))),
		graph("Traces kept by policy", "Traces per second that each policy wants to keep; a trace may be wanted by several. Many for errors or slow: look at the service.",
			units.OpsPerSecond, third, query("{{policy}}", sumBy(perSecond(tracesByPolicy, `sampled="true"`), "policy"))),
		graph("Traces that wait", "Traces that wait for their decision, in memory. At SAMPLING_TRACES the oldest is dropped undecided.", units.Short, third,
			query("{{job}}", sumBy(selector(tracesWaiting), perJob))),
	}
}

// pipelineRow shows, beside the service, whether its spans arrive. Without it, an empty graph of traces reads like a quiet night.
func pipelineRow() []cog.Builder[dashboard.Panel] {
	lost := graph("Spans lost or held up", "Spans per second that the full queue dropped, that the collector refused for good, or that are tried again because it is away.", units.OpsPerSecond, third,
		query("dropped: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansProcessed.Name, failed), errType)),
		query("not exported: {{"+errType+"}}", sumBy(perSecond(catalogue.SpansExported.Name, failed), errType)))
	return []cog.Builder[dashboard.Panel]{
		graph("Span queue", "How full the export queue is. At 1 finished spans are dropped.", units.PercentUnit, third,
			query(instanceLegend, sumBy(selector(catalogue.SpanQueueSize.Name), perInstanceName)+
				" / "+sumBy(selector(catalogue.SpanQueueCapacity.Name), perInstanceName))).Max(1),
		graph("Spans", "Finished spans per second, and those that the collector took. The lines lie on each other when all is well.", units.OpsPerSecond, third,
			query("finished", sumBy(perSecond(catalogue.SpansProcessed.Name))),
			query("exported", sumBy(perSecond(catalogue.SpansExported.Name, exported)))),
		lost,
	}
}
