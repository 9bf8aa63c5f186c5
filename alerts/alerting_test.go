package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each case is 25 minutes of scrapes, every 15 seconds.
func TestWhatABrokenWayToThePagerRaises(t *testing.T) {
	const up = "\nup{job=\"server\",instance=\"a\"} 1x100"
	for sentence, c := range map[string]struct {
		series string
		want   []string
	}{
		"every rule is evaluated in time, and every notification arrives": {`
			up{job="alertmanager",instance="m"} 1x100
			prometheus_rule_evaluation_failures_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 4x100
			prometheus_rule_group_iterations_missed_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 9x100
			prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="m"} 2x100
			prometheus_config_last_reload_successful{job="prometheus",instance="p"} 1x100
			alertmanager_config_last_reload_successful{job="alertmanager",instance="m"} 1x100
			alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="webhook",reason="other"} 1x100`, nil},
		"rules of the objectives fail": {
			`
			prometheus_rule_evaluation_failures_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 0x20 0+3x80`,
			[]string{"page: Rules of the group burn cannot be evaluated"},
		},
		"a rule failed once": {`
			prometheus_rule_evaluation_failures_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 0x20 1x80`, nil},
		"the only Alertmanager refuses alerts": {
			`
			up{job="alertmanager",instance="m"} 1x100
			prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="m"} 0x20 0+1x80`,
			[]string{"page: Prometheus cannot hand its alerts to any Alertmanager"},
		},
		"one Alertmanager of two refuses them": {`
			up{job="alertmanager",instance="m"} 1x100
			prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="m"} 0x20 0+1x80
			prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="n"} 0x100`, nil},
		"Alertmanager was down for ten minutes, which only what watches it can tell": {
			`
			up{job="alertmanager",instance="m"} 1x20 0x40 1x40
			prometheus_notifications_dropped_total{job="prometheus",instance="p",alertmanager="m"} 0x20 0+1x40 40x40`,
			[]string{"ticket: 1 of the targets of alertmanager are down"},
		},
		"PagerDuty takes no notification": {
			`
			alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="pagerduty",reason="clientError"} 0x20 0+1x80
			alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="slack",reason="clientError"} 0x100`,
			[]string{"page: Alertmanager cannot notify pagerduty"},
		},
		"Slack takes none, and pages arrive": {
			`
			alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="slack",reason="clientError"} 0x20 0+1x80`,
			[]string{"ticket: Alertmanager cannot post to slack"},
		},
		"a notification failed once": {`
			alertmanager_notifications_failed_total{job="alertmanager",instance="m",integration="webhook",reason="other"} 0x20 1x80`, nil},
		"an edit broke the configuration of Prometheus": {
			`
			prometheus_config_last_reload_successful{job="prometheus",instance="p"} 1x20 0x80`,
			[]string{"ticket: prometheus does not accept its configuration"},
		},
		"an edit broke the routing": {
			`
			alertmanager_config_last_reload_successful{job="alertmanager",instance="m"} 1x20 0x80`,
			[]string{"ticket: alertmanager does not accept its configuration"},
		},
		"an edit was wrong for five minutes": {`
			prometheus_config_last_reload_successful{job="prometheus",instance="p"} 1x20 0x20 1x60`, nil},
		"rules take longer than their interval": {
			`
			prometheus_rule_group_iterations_missed_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 0x10 0+1x90`,
			[]string{"ticket: Rules of the group burn are evaluated too seldom"},
		},
		"the machine was busy for five minutes": {`
			prometheus_rule_group_iterations_missed_total{job="prometheus",instance="p",rule_group="/r/slo.yml;burn"} 0x10 0+1x20 20x70`, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.ElementsMatch(t, c.want, raised(t, up+c.series, 25*time.Minute))
		})
	}
}
