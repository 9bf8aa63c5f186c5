package alerts

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Routing is an Alertmanager configuration: the part of its format that is used here, in the order it is read.
type Routing struct {
	Templates    []string      `yaml:"templates,omitempty,flow"`
	Route        Route         `yaml:"route"`
	InhibitRules []InhibitRule `yaml:"inhibit_rules"`
	Receivers    []Receiver    `yaml:"receivers"`
}

// Route sends the alerts that its matchers select to a receiver.
type Route struct {
	Receiver       string         `yaml:"receiver"`
	Matchers       []string       `yaml:"matchers,omitempty"`
	GroupBy        []string       `yaml:"group_by,omitempty,flow"`
	GroupWait      model.Duration `yaml:"group_wait"`
	GroupInterval  model.Duration `yaml:"group_interval"`
	RepeatInterval model.Duration `yaml:"repeat_interval"`
	Routes         []Route        `yaml:"routes,omitempty"`
}

// InhibitRule keeps target alerts from notifying while a source alert fires whose Equal labels are the same.
type InhibitRule struct {
	SourceMatchers []string `yaml:"source_matchers"`
	TargetMatchers []string `yaml:"target_matchers"`
	Equal          []string `yaml:"equal,flow"`
}

// Names of the receivers, the same wherever they lead.
const (
	receiverPage     = "page"
	receiverTicket   = "ticket"
	receiverInfo     = "info"
	receiverWatchdog = "watchdog"
)

// PageGroupWait is how long Alertmanager holds a new page back, so that alerts that start together are told together. It is
// short, because it is part of the 90 seconds within which a total outage reaches the pager.
const PageGroupWait = 10 * time.Second

// WatchdogInterval is how often the watchdog is sent on.
const WatchdogInterval = time.Minute

// Production tells the people: PagerDuty wakes them, Slack informs them.
func Production() Routing {
	production := routing(productionReceivers())
	production.Templates = []string{templatesFile}
	return production
}

// Local tells the page inbox of `lookout pager`, over the same tree.
func Local() Routing { return routing(localReceivers()) }

// routing is the one tree. The first route that matches takes the alert; one that nobody classified becomes a ticket, so
// that it is seen without waking anybody.
func routing(receivers []Receiver) Routing {
	return Routing{
		Route: Route{
			Receiver: receiverTicket, GroupBy: []string{"alertname", "service", "slo"},
			GroupWait: minutes(2), GroupInterval: minutes(5), RepeatInterval: hours(24),
			Routes: []Route{watchdogRoute(), pageRoute(), ticketRoute(), infoRoute()},
		},
		InhibitRules: inhibitRules(),
		Receivers:    receivers,
	}
}

// watchdogRoute stands before the severities: the watchdog must reach its dead man's switch and nobody else.
func watchdogRoute() Route {
	return Route{
		Receiver: receiverWatchdog, Matchers: []string{`alertname="Watchdog"`},
		GroupInterval: model.Duration(WatchdogInterval), RepeatInterval: model.Duration(WatchdogInterval),
	}
}

// pageRoute tells of the end of an outage soon as well: a resolve waits for group_interval.
func pageRoute() Route {
	return Route{
		Receiver: receiverPage, Matchers: []string{`severity="page"`},
		GroupWait: model.Duration(PageGroupWait), GroupInterval: model.Duration(30 * time.Second), RepeatInterval: hours(4),
	}
}

// ticketRoute waits longer than pages take, so that a page can inhibit the tickets of the same SLO before they are sent.
func ticketRoute() Route {
	return Route{
		Receiver: receiverTicket, Matchers: []string{`severity="ticket"`},
		GroupWait: minutes(2), GroupInterval: minutes(5), RepeatInterval: hours(24),
	}
}

func infoRoute() Route {
	return Route{
		Receiver: receiverInfo, Matchers: []string{`severity="info"`},
		GroupWait: minutes(2), GroupInterval: minutes(30), RepeatInterval: hours(24),
	}
}

// inhibitRules make one notification of one incident. A label that is missing on both sides counts as equal, so each rule
// also asks that the labels are there.
func inhibitRules() []InhibitRule {
	sloLabels := []string{"service", "slo"}
	return slices.Concat([]InhibitRule{
		{
			SourceMatchers: []string{`severity="page"`, `slo=~".+"`},
			TargetMatchers: []string{`severity="ticket"`, `slo=~".+"`},
			Equal:          sloLabels,
		},
		{ // the faster page says it all
			SourceMatchers: []string{`severity="page"`, `long_window="1h"`, `slo=~".+"`},
			TargetMatchers: []string{`severity="page"`, `long_window="6h"`, `slo=~".+"`},
			Equal:          sloLabels,
		},
		{ // and so does the faster ticket
			SourceMatchers: []string{`severity="ticket"`, `long_window="1d"`, `slo=~".+"`},
			TargetMatchers: []string{`severity="ticket"`, `long_window="3d"`, `slo=~".+"`},
			Equal:          sloLabels,
		},
		{
			SourceMatchers: []string{`alertname="TargetDown"`, `severity="page"`, `job=~".+"`},
			TargetMatchers: []string{`alertname="TargetDown"`, `severity="ticket"`, `job=~".+"`},
			Equal:          []string{"alertname", "job"},
		},
	}, probeInhibitions(), telemetryInhibitions(), storeInhibitions())
}

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }

func hours(n int) model.Duration { return model.Duration(time.Duration(n) * time.Hour) }
