package alerts

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// AlertingFailing is the alert about the way from a rule to a person. Its label stage says where it is broken.
const AlertingFailing = "AlertingFailing"

// labelStage says which part of the way an alert is about.
const labelStage = "stage"

// The stages between a rule and a person.
const (
	stageRules         = "rules"
	stageHandover      = "handover"
	stageNotification  = "notification"
	stageConfiguration = "configuration"
)

// How long a stage must be broken. Prometheus sends what fires again every minute, and Alertmanager tries again, so that a
// restart loses nothing.
const (
	alertingFailsFor = model.Duration(5 * time.Minute)
	configOldFor     = model.Duration(10 * time.Minute)
	rulesLateFor     = model.Duration(15 * time.Minute)
)

// alertingRules see a way that is broken in part, which the rest of it can still tell of: another receiver, another group of
// rules. Of one that is broken as a whole the dead man's switch tells, who misses the watchdog.
func alertingRules(linkBase string) []rulefmt.Rule {
	return []rulefmt.Rule{
		rulesFail(linkBase), handoverFails(linkBase), notificationFails(linkBase),
		chatFails(linkBase), configOld(linkBase), rulesLate(linkBase),
	}
}

func rulesFail(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityPage, stageRules, alertingFailsFor,
		`sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0`,
		`Rules of the group {{ reReplaceAll ".*;" "" $labels.rule_group }} cannot be evaluated`,
		"For 5 minutes Prometheus has failed to evaluate rules of {{ $labels.rule_group }}. What they watch may be broken, and "+
			"nobody would be paged.")
}

// handoverFails leaves out an Alertmanager that is down: TargetDown tells of it, and the page would come when it is over.
func handoverFails(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityPage, stageHandover, alertingFailsFor,
		`min by (job, instance) (increase(prometheus_notifications_dropped_total[2m])) > 0 `+
			`unless on () max(up{job="alertmanager"}) == 0`,
		"Prometheus cannot hand its alerts to any Alertmanager",
		"For 5 minutes every Alertmanager that {{ $labels.instance }} knows has refused some of its alerts, or has been too slow "+
			"for them. Pages may not be sent.")
}

func notificationFails(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityPage, stageNotification, alertingFailsFor,
		`sum by (integration) (increase(alertmanager_notifications_failed_total{integration!="slack"}[5m])) > 0`,
		"Alertmanager cannot notify {{ $labels.integration }}",
		"For 5 minutes notifications through {{ $labels.integration }} have failed. Pages may not reach the on-call.")
}

// chatFails is a ticket: pages have a receiver that wakes people, and it is not this one.
func chatFails(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityTicket, stageNotification, alertingFailsFor,
		`sum by (integration) (increase(alertmanager_notifications_failed_total{integration="slack"}[5m])) > 0`,
		"Alertmanager cannot post to {{ $labels.integration }}",
		"For 5 minutes messages to {{ $labels.integration }} have failed. Pages come another way.")
}

// configOld is a ticket: what ran before goes on, until the program is started anew, and then it does not start.
func configOld(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityTicket, stageConfiguration, configOldFor,
		`min by (job) (prometheus_config_last_reload_successful) == 0 or min by (job) (alertmanager_config_last_reload_successful) == 0`,
		"{{ $labels.job }} does not accept its configuration",
		"For 10 minutes {{ $labels.job }} has run on an old configuration: it could not load the one that is there. Changes of rules, "+
			"targets or receivers have no effect, and it would not start again.")
}

// rulesLate is a ticket: alerts come, some intervals late.
func rulesLate(linkBase string) rulefmt.Rule {
	return alerting(linkBase, SeverityTicket, stageRules, rulesLateFor,
		`sum by (rule_group) (increase(prometheus_rule_group_iterations_missed_total[5m])) > 0`,
		`Rules of the group {{ reReplaceAll ".*;" "" $labels.rule_group }} are evaluated too seldom`,
		"For 15 minutes Prometheus has left out evaluations of {{ $labels.rule_group }}: they take longer than their interval. Pages "+
			"come late, and recording rules have gaps.")
}

func alerting(linkBase, severity, stage string, lasting model.Duration, expr, summary, description string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: AlertingFailing, For: lasting, Expr: expr,
		Labels:      map[string]string{LabelSeverity: severity, labelStage: stage},
		Annotations: pipelineAnnotations(linkBase, "alerting-failing", summary, description),
	}
}
