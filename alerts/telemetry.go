package alerts

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// TelemetryLost is the alert about telemetry that reaches no store. Its label signal says what is lost, job who loses it.
const TelemetryLost = "TelemetryLost"

// labelSignal says which kind of telemetry an alert is about.
const labelSignal = "signal"

// What can be lost.
const (
	signalSpans       = "spans"
	signalLogLines    = "log_lines"
	signalErrorEvents = "error_events"
	signalSamples     = "samples"
)

// How long a loss must go on. The queues hold what a restart or a deploy of the collector takes; what a first start loses
// while it still builds the collector, or a burst of some minutes, is on the dashboard and needs nobody.
const lostFor = model.Duration(15 * time.Minute)

// telemetryRules are tickets: customers notice nothing, and whoever looks for the cause of an outage finds a hole. What is
// held up and tried again, as while the collector is away, is not lost yet: TargetDown tells of a collector that is down.
func telemetryRules(linkBase string) []rulefmt.Rule {
	return []rulefmt.Rule{spansLost(linkBase), logLinesLost(linkBase), errorEventsLost(linkBase), samplesLost(linkBase)}
}

func spansLost(linkBase string) rulefmt.Rule {
	return lost(linkBase, signalSpans, anyGrows(
		lately(catalogue.SpansProcessed.Name+`{error_type!=""}`),
		lately(catalogue.SpansExported.Name+`{error_type="rejected"}`),
		lately(`otelcol_exporter_enqueue_failed_spans_total`),
		lately(`otelcol_exporter_send_failed_spans_total`),
		lately(`otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total`)),
		"Spans are lost in {{ $labels.job }}",
		"For 15 minutes the job {{ $labels.job }} has lost spans: its queue is full, what comes next refuses them, or traces are "+
			"dropped before it is decided whether to keep them. Traces have holes, and those of failed requests may be missing.")
}

// logLinesLost leaves out the collector's full queues: it refuses log lines that find no room, and the service keeps them.
func logLinesLost(linkBase string) rulefmt.Rule {
	return lost(linkBase, signalLogLines, anyGrows(
		lately(catalogue.LogsProcessed.Name+`{error_type!=""}`),
		lately(catalogue.LogsExported.Name+`{error_type="rejected"}`),
		lately(catalogue.LogLinesDropped.Name),
		lately(`otelcol_exporter_send_failed_log_records_total`)),
		"Log lines are lost in {{ $labels.job }}",
		"For 15 minutes the job {{ $labels.job }} has lost log lines: its queue is full, what comes next refuses them, or the "+
			"service's own output does.")
}

func errorEventsLost(linkBase string) rulefmt.Rule {
	return lost(linkBase, signalErrorEvents, anyGrows(
		lately(catalogue.ErrorEvents.Name+`{outcome!~"`+catalogue.ErrorEventSent+`|`+catalogue.ErrorEventSuppressed+`"}`)),
		"The error tracker does not get all failures of {{ $labels.job }}",
		"For 15 minutes the job {{ $labels.job }} could not report failures to the error tracker: it is away, refuses them, or "+
			"asks for fewer. They are in the log.")
}

// samplesLost is the only one that looks back for an hour: a write-ahead log is found to be damaged once, at a start.
func samplesLost(linkBase string) rulefmt.Rule {
	return lost(linkBase, signalSamples, anyGrows(
		lately(`prometheus_target_scrapes_sample_out_of_order_total`),
		lately(`prometheus_target_scrapes_sample_duplicate_timestamp_total`),
		lately(`prometheus_target_scrapes_sample_out_of_bounds_total`),
		lately(`prometheus_tsdb_wal_writes_failed_total`),
		lately(`prometheus_tsdb_head_truncations_failed_total`),
		lately(`prometheus_tsdb_compactions_failed_total`),
		`prometheus_tsdb_wal_corruptions_total[1h]`),
		"Samples are lost in {{ $labels.job }}",
		"The job {{ $labels.job }} refuses samples that it scrapes, cannot write them, or found its write-ahead log damaged. SLOs "+
			"and alerts compute with what is left.")
}

func lost(linkBase, signal, expr, summary, description string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: TelemetryLost, For: lostFor, Expr: expr,
		Labels:      map[string]string{LabelSeverity: SeverityTicket, labelSignal: signal},
		Annotations: pipelineAnnotations(linkBase, "telemetry-lost", summary, description),
	}
}

// lately is a counter over a window that a single loss has left long before lostFor is over.
func lately(counter string) string { return counter + "[5m]" }

// anyGrows selects the jobs of which one of the counters grows within its window. A stack without a program has no series of
// it, and none of its alerts.
func anyGrows(counters ...string) string {
	growing := make([]string, 0, len(counters))
	for _, counter := range counters {
		growing = append(growing, `sum by (job) (increase(`+counter+`)) > 0`)
	}
	return strings.Join(growing, " or ")
}

func pipelineAnnotations(linkBase, runbook, summary, description string) map[string]string {
	a := annotations(linkBase, runbook, summary, description)
	a["dashboard_url"] = linkBase + "/d/fm-pipeline"
	return a
}

// telemetryInhibitions: a collector or a store that is down is told of already, and what cannot be sent there is lost.
func telemetryInhibitions() []InhibitRule {
	downLoses := func(jobs, signal string) InhibitRule {
		return InhibitRule{
			SourceMatchers: []string{`alertname="` + TargetDown + `"`, `job=~"` + jobs + `"`},
			TargetMatchers: []string{`alertname="` + TelemetryLost + `"`, labelSignal + `="` + signal + `"`},
			Equal:          []string{},
		}
	}
	return []InhibitRule{downLoses("collector|jaeger", signalSpans), downLoses("collector|loki", signalLogLines)}
}
