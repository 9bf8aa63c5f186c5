package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Metrics of Prometheus, Alertmanager, the pager and the stores' exporters. Recorded in telemetry/inventory.
const (
	scrapeDuration = "scrape_duration_seconds"
	scrapedSamples = "scrape_samples_scraped"

	scrapesTooLarge    = "prometheus_target_scrapes_exceeded_sample_limit_total"
	samplesOutOfOrder  = "prometheus_target_scrapes_sample_out_of_order_total"
	samplesDuplicate   = "prometheus_target_scrapes_sample_duplicate_timestamp_total"
	samplesOutOfBounds = "prometheus_target_scrapes_sample_out_of_bounds_total"
	walWritesFailed    = "prometheus_tsdb_wal_writes_failed_total"
	walCorruptions     = "prometheus_tsdb_wal_corruptions_total"
	truncationsFailed  = "prometheus_tsdb_head_truncations_failed_total"
	compactionsFailed  = "prometheus_tsdb_compactions_failed_total"
	seriesInMemory     = "prometheus_tsdb_head_series"
	ruleGroupDuration  = "prometheus_rule_group_last_duration_seconds"
	ruleGroupInterval  = "prometheus_rule_group_interval_seconds"
	rulesFailed        = "prometheus_rule_evaluation_failures_total"
	iterationsMissed   = "prometheus_rule_group_iterations_missed_total"
	alertsSent         = "prometheus_notifications_sent_total"
	alertsDropped      = "prometheus_notifications_dropped_total"
	prometheusConfig   = "prometheus_config_last_reload_successful"

	alertsReceived        = "alertmanager_alerts_received_total"
	notificationsTried    = "alertmanager_notifications_total"
	notificationsFailed   = "alertmanager_notifications_failed_total"
	notificationLatency   = "alertmanager_notification_latency_seconds_bucket"
	alertmanagerConfig    = "alertmanager_config_last_reload_successful"
	postgresSeen          = "pg_up"
	postgresCollectorSeen = "pg_scrape_collector_success"
	redisSeen             = "redis_up"

	perIntegration = "integration"
)

// recently is how much a counter grew in five minutes: what happens once a minute has no rate worth drawing.
func recently(series string) string { return "increase(" + selector(series) + "[5m])" }

// byGroup sums over the rule groups, which Prometheus names "file;group", by the group's name alone.
func byGroup(expr string) string {
	return `sum by (group) (label_replace(` + expr + `, "group", "$1", "rule_group", ".*;(.*)"))`
}

func prometheusRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		timeline("Scrapes", "Whether every target of each job could be scraped. What a program would have measured while it was down is missing everywhere.", gridWidth,
			query("{{job}}", "min by (job) ("+selector("up")+")")).Height(graphRows),
		thresholdLines(graph("Scrape duration", "How long the slowest target of each job takes to answer. At 4 s Prometheus gives up, and the target counts as down.", units.Seconds, third,
			query("{{job}}", "max by (job) ("+selector(scrapeDuration)+")")), from(4, bad)),
		graph("Samples of a scrape", "Samples that one target of each job exposes. A line that only climbs is a label that grows without bound; at the job's sample_limit the scrape fails as a whole.", units.Short, third,
			query("{{job}}", "max by (job) ("+selector(scrapedSamples)+")")),
		graph("Series in memory", "Series that Prometheus holds in memory. They take most of it.", units.Short, third,
			query(instanceLegend, sumBy(selector(seriesInMemory), perInstanceName))),
		thresholdLines(graph("Evaluation time of the rules", "How much of its interval the last evaluation of each group took. Above 1 evaluations are left out, and alerts come late.", units.PercentUnit, third,
			query("{{group}}", byGroup(selector(ruleGroupDuration))+" / "+byGroup(selector(ruleGroupInterval)))), from(1, bad)),
		graph("Rules that fail or are left out", "Evaluations per second that failed, and that were left out. What such a rule watches is unwatched.", units.OpsPerSecond, third,
			query("{{group}} failed", byGroup(perSecond(rulesFailed))),
			query("{{group}} left out", byGroup(perSecond(iterationsMissed)))),
		graph("Scrapes and storage that fail", "Per second: scrapes above the sample_limit of their job, and work on the disk that failed, most often because it is full.", units.OpsPerSecond, third,
			query("scrape too large", sumBy(perSecond(scrapesTooLarge))),
			query("compaction failed", sumBy(perSecond(compactionsFailed))),
			query("truncation failed", sumBy(perSecond(truncationsFailed)))),
	}
}

func alertingRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		graph("Alerts handed to Alertmanager", "Alerts of the last 5 minutes that Prometheus sent, that Alertmanager received, and that were dropped on the way. What fires is sent again every minute.", units.Short, third,
			query("sent", sumBy(recently(alertsSent))),
			query("received", sumBy(recently(alertsReceived))),
			query("dropped", sumBy(recently(alertsDropped)))),
		graph("Notifications", "Notifications of the last 5 minutes by the way they take, and those that failed. The watchdog alone makes one about every minute.", units.Short, third,
			query("{{integration}}", sumBy(recently(notificationsTried), perIntegration)+" > 0"),
			query("{{integration}} failed: {{reason}}", sumBy(recently(notificationsFailed), perIntegration, "reason")+" > 0")),
		graph("p95 of a notification", "95 of 100 attempts to notify in the last 5 minutes took less than this.", units.Seconds, third,
			query("{{integration}}", "histogram_quantile(0.95, "+sumBy(recently(notificationLatency), "le", perIntegration)+") >= 0")),
		timeline("Configuration in force", "Whether Prometheus and Alertmanager run on the configuration that is there. Down: on an older one, and they would not start again.", half,
			query("{{job}}", "min by (job) ("+selector(prometheusConfig)+" or "+selector(alertmanagerConfig)+")")),
		thresholdLines(graph("Silence of the watchdog", "How long the local pager has not heard the alert that always fires. It comes once a minute; above 5 the pager says that the way is broken. Empty where the dead man's switch is another.", units.Seconds, half,
			query(instanceLegend, "max by (instance) ("+selector(catalogue.PagerWatchdogSilence.Name)+")")).Height(statusRows), from(300, bad)),
	}
}

func storesRow() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		timeline("Stores seen", "Whether each exporter can log in to its store. Empty in the embedded mode, which has no exporters.", half,
			query("{{job}} {{instance}}", "min by (job, instance) ("+selector(postgresSeen)+" or "+selector(redisSeen)+")")),
		timeline("Collectors of the PostgreSQL exporter", "Whether each part of PostgreSQL's statistics could be read. Down while PostgreSQL is up: the role lacks a permission.", half,
			query("{{collector}}", "min by (collector) ("+selector(postgresCollectorSeen)+")")),
	}
}
