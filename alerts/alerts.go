// Package alerts declares the alert rules that are not SLO burn, and who is told: the routing of every alert to its
// receivers, as code.
package alerts

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// LabelSeverity says how urgent an alert is.
const LabelSeverity = "severity"

// The severities.
const (
	SeverityPage   = "page"   // wake somebody up
	SeverityTicket = "ticket" // look at it this week
	SeverityInfo   = "info"   // good to know
)

// Names of the alerts declared here.
const (
	TargetDown    = "TargetDown"
	TargetMissing = "TargetMissing"
	Watchdog      = "Watchdog"

	MarketInvariantBroken = "MarketInvariantBroken"
	MarketAuditOverdue    = "MarketAuditOverdue"
	RefundFailed          = "RefundFailed"
	BackgroundJobFailing  = "BackgroundJobFailing"
)

// How long a target must be down. An instance that restarts is back within seconds; with a scrape, an evaluation and
// Alertmanager's group_wait on top, serverDownFor keeps a dead server's page within 90 seconds.
const (
	serverDownFor = model.Duration(45 * time.Second)
	targetDownFor = model.Duration(5 * time.Minute)
	// Prometheus may know no server at all while a first start still builds it.
	serverMissingFor = model.Duration(15 * time.Minute)
)

// Groups are the rule groups of the alerts declared here. Links in alerts start with linkBase, such as
// http://localhost:8090.
func Groups(linkBase string) []rulefmt.RuleGroup {
	return []rulefmt.RuleGroup{
		{Name: "targets", Rules: []rulefmt.Rule{serverDown(linkBase), targetsDown(linkBase), serverMissing(linkBase)}},
		{Name: "probes", Rules: probeRules(linkBase)},
		{Name: "market", Rules: []rulefmt.Rule{invariantBroken(linkBase), auditOverdue(linkBase), refundFailed(linkBase), jobFailing(linkBase)}},
		{Name: "telemetry", Rules: telemetryRules(linkBase)},
		{Name: "alerting", Rules: alertingRules(linkBase)},
		{Name: "stores", Rules: []rulefmt.Rule{storeExporterFails(linkBase)}},
		{Name: "watchdog", Rules: []rulefmt.Rule{watchdog(linkBase)}},
	}
}

// serverDown pages: the server is what customers wait for, and with no server there is no traffic, and so no error for the SLO to see.
func serverDown(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: TargetDown, For: serverDownFor,
		KeepFiringFor: serverWasDownBy, // until the probes have seen the recovery, too: it speaks for them
		Expr:          `sum by (job) (up{job="server"}) == 0`,
		Labels:        map[string]string{LabelSeverity: SeverityPage},
		Annotations: annotations(linkBase, "target-down",
			"The API is down: no instance of it answers Prometheus",
			"No target of the job {{ $labels.job }} has answered a scrape for 45 seconds. Customers most likely get no answer at all. "+
				"The SLO does not see it: requests that reach no server are counted nowhere."),
	}
}

// targetsDown is a ticket: what watches is broken, or one instance of several. Customers do not notice yet.
func targetsDown(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: TargetDown, For: targetDownFor,
		Expr:   `count by (job) (up == 0)`,
		Labels: map[string]string{LabelSeverity: SeverityTicket},
		Annotations: annotations(linkBase, "target-down",
			"{{ $value }} of the targets of {{ $labels.job }} are down",
			"For 5 minutes, {{ $value }} of the targets of the job {{ $labels.job }} have not answered Prometheus. "+
				"What they would have measured is missing meanwhile."),
	}
}

// serverMissing is a ticket: nobody knows whether the server is up. Service discovery may have lost it.
func serverMissing(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: TargetMissing, For: serverMissingFor,
		Expr:   `absent(up{job="server"})`,
		Labels: map[string]string{LabelSeverity: SeverityTicket},
		Annotations: annotations(linkBase, "target-down",
			"Prometheus has no target of {{ $labels.job }} to scrape",
			"For 15 minutes, service discovery has found no target of the job {{ $labels.job }}. The API may be fine, but nobody would "+
				"be paged if it were not."),
	}
}

// watchdog always fires. Whoever receives it knows that Prometheus evaluates, and that Alertmanager delivers.
func watchdog(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert:  Watchdog,
		Expr:   `vector(1)`,
		Labels: map[string]string{LabelSeverity: SeverityInfo},
		Annotations: annotations(linkBase, "watchdog",
			"Alerting works",
			"This alert always fires. When it stops arriving, alerts no longer reach anybody, and the dead man's switch that waits for it "+
				"raises the alarm."),
	}
}

func annotations(linkBase, runbook, summary, description string) map[string]string {
	return map[string]string{
		"summary":       summary,
		"description":   description,
		"runbook_url":   linkBase + "/runbooks/" + runbook,
		"dashboard_url": linkBase + "/d/fm-service",
	}
}
