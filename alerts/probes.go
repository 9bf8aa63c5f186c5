package alerts

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// Names of the alerts about synthetic probes.
const (
	ProbeFailing    = "ProbeFailing"
	ProbeSilent     = "ProbeSilent"
	ProbeOrdersLeft = "ProbeOrdersLeft"
)

// apiService is the service that is probed, as SLOs name it: a page of its SLO speaks for the probes too.
const apiService = "market-api"

// How long a probe must fail from everywhere. An outage that the SLO sees has paged long before: within 90 seconds. A
// request fails 8 times in 2 minutes, a scripted order 6 times in 3, so that a slow minute or a deploy wakes nobody.
const (
	probeFailsFor     = model.Duration(2 * time.Minute)
	orderFailsFor     = model.Duration(3 * time.Minute)
	docsFailFor       = model.Duration(10 * time.Minute)
	nothingToOrderFor = model.Duration(10 * time.Minute)
	refundsFailFor    = model.Duration(10 * time.Minute)
	silentFor         = model.Duration(time.Minute)
	ordersAreLeft     = model.Duration(10 * time.Minute)
	serverWasDownBy   = model.Duration(time.Minute) // two scripted orders
)

// probeRules are about what customers would meet. The SLO counts answers of the server; these see requests that never
// reach it, answers that are wrong, and an order that cannot be placed for a reason that is nobody's 5xx.
func probeRules(linkBase string) []rulefmt.Rule {
	return []rulefmt.Rule{apiFails(linkBase), orderFails(linkBase), nothingToOrder(linkBase), refundsFail(linkBase), docsFail(linkBase), probeSilent(linkBase), ordersLeft(linkBase)}
}

func apiFails(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeFailing, For: probeFailsFor,
		Expr:   `max by (probe) (probe_success{probe=~"live|ready|products"}) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityPage, "service": apiService},
		Annotations: probeAnnotations(linkBase,
			"The API does not answer customers: the probe {{ $labels.probe }} fails",
			"The probe {{ $labels.probe }} has failed from everywhere for 2 minutes, though no page of the SLO and no dead server explains it. "+
				"Requests may not reach the server, or its answers are wrong."),
	}
}

func orderFails(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeFailing, For: orderFailsFor,
		Expr: `max by (probe) (probe_success{probe="order"}) == 0 unless on (probe) ` +
			`min by (probe) (probe_step_success{step=~"days|offerings|refund"}) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityPage, "service": apiService, "probe": "order"},
		Annotations: probeAnnotations(linkBase,
			"Customers most likely cannot order: the scripted order fails",
			"For 3 minutes every scripted order has failed. The dashboard says at which step; the probe's log and the exemplar of "+
				"probe_failures_total name the trace."),
	}
}

// nothingToOrder is a ticket: a market that is sold out, or takes no orders, is for whoever runs it and not for the on-call.
// When these steps fail because the API does, the SLO sees it.
func nothingToOrder(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeFailing, For: nothingToOrderFor,
		Expr:   `min by (probe) (probe_step_success{step=~"days|offerings"}) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityTicket, "service": apiService, "probe": "order"},
		Annotations: probeAnnotations(linkBase,
			"The scripted order finds nothing to order",
			"For 10 minutes no market day has taken orders for another hour, or all that is on offer is sold out. While that is so, nobody "+
				"knows whether an order would go through."),
	}
}

// refundsFail is a ticket: customers can order, and what they are owed is not lost.
func refundsFail(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeFailing, For: refundsFailFor,
		Expr:   `min by (probe) (probe_step_success{step="refund"}) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityTicket, "service": apiService, "probe": "order", "step": "refund"},
		Annotations: probeAnnotations(linkBase,
			"Customers wait for refunds: that of the scripted order does not come",
			"For 10 minutes scripted orders were cancelled and their money was not given back in time. Customers can order all the same."),
	}
}

func docsFail(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeFailing, For: docsFailFor,
		Expr:   `max by (probe) (probe_success{probe="docs"}) == 0`,
		Labels: map[string]string{LabelSeverity: SeverityTicket, "service": apiService, "probe": "docs"},
		Annotations: probeAnnotations(linkBase,
			"The API's documentation cannot be read",
			"For 10 minutes the documentation has not been served. Customers can order all the same."),
	}
}

// probeSilent is a ticket: the probe hangs, and what it said last is shown as if it were true.
func probeSilent(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeSilent, For: silentFor,
		Expr:   `time() - max by (probe) (probe_last_run_timestamp_seconds) > 300`,
		Labels: map[string]string{LabelSeverity: SeverityTicket, "service": apiService},
		Annotations: probeAnnotations(linkBase,
			"The probe {{ $labels.probe }} has stopped probing",
			"The last run of the probe {{ $labels.probe }} began {{ $value | humanizeDuration }} ago. What it tells is old."),
	}
}

func ordersLeft(linkBase string) rulefmt.Rule {
	return rulefmt.Rule{
		Alert: ProbeOrdersLeft, For: ordersAreLeft,
		Expr:   `max by (probe) (probe_orders_left) > 0`,
		Labels: map[string]string{LabelSeverity: SeverityTicket, "service": apiService},
		Annotations: probeAnnotations(linkBase,
			"{{ $value }} synthetic orders may be packed",
			"{{ $value }} orders of the synthetic customer could not be cancelled, and are on a packing list. A market manager can cancel them."),
	}
}

func probeAnnotations(linkBase, summary, description string) map[string]string {
	a := annotations(linkBase, "probe-failing", summary, description)
	a["dashboard_url"] = linkBase + "/d/fm-synthetic"
	return a
}

// probeInhibitions keep a probe from telling again what a page has told: that the SLO's budget burns, that the server is
// dead, or that a simpler probe fails.
func probeInhibitions() []InhibitRule {
	probes := `alertname="` + ProbeFailing + `"`
	return []InhibitRule{
		{
			SourceMatchers: []string{`severity="page"`, `slo=~".+"`, `service=~".+"`},
			TargetMatchers: []string{probes, `service=~".+"`},
			Equal:          []string{"service"},
		},
		{
			SourceMatchers: []string{`alertname="TargetDown"`, `severity="page"`},
			TargetMatchers: []string{probes},
			Equal:          []string{},
		},
		{
			SourceMatchers: []string{probes, `probe="live"`},
			TargetMatchers: []string{probes, `probe=~"ready|products|order|docs"`},
			Equal:          []string{"service"},
		},
		{
			SourceMatchers: []string{probes, `probe=~"ready|products"`},
			TargetMatchers: []string{probes, `probe="order"`},
			Equal:          []string{"service"},
		},
	}
}
