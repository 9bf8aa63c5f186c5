package slo

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// AlertName is the alertname that all tiers of the SLO share: ApiAvailabilityBudgetBurn for api-availability.
func (s SLO) AlertName() string {
	var name strings.Builder
	for word := range strings.SplitSeq(s.Name, "-") {
		if word != "" {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String() + "BudgetBurn"
}

// Groups compiles the SLO into two rule groups. The first is evaluated at Prometheus's own interval and holds what a page
// must not wait for; the second holds the long windows, once a minute. Links in alerts start with linkBase, such as
// http://localhost:8090.
func (s SLO) Groups(linkBase string) []rulefmt.RuleGroup {
	direct := rulefmt.RuleGroup{Name: "slo:" + s.Name, Labels: s.labels(), Rules: s.directRecordings()}
	tiled := rulefmt.RuleGroup{
		Name: "slo:" + s.Name + ":long-windows", Labels: s.labels(), Rules: s.tiledRecordings(), Interval: longWindowInterval,
	}
	for _, t := range s.Tiers {
		if t.Long == Window1h {
			direct.Rules = append(direct.Rules, s.alert(t, linkBase))
		} else {
			tiled.Rules = append(tiled.Rules, s.alert(t, linkBase))
		}
	}
	return []rulefmt.RuleGroup{direct, tiled}
}

func (s SLO) labels() map[string]string {
	return map[string]string{LabelService: s.Service, LabelSLO: s.Name}
}

// alert has no `for`: the long window already is the proof that it lasts, and `for` would start over at every dip.
func (s SLO) alert(t Tier, linkBase string) rulefmt.Rule {
	enough := binary(parser.GTE, s.series(EventsBad(t.Long)), number(float64(s.MinBadEvents)))
	both := setOperation(parser.LAND, s.burns(t, t.Long), s.burns(t, t.Short))
	return rulefmt.Rule{
		Alert: s.AlertName(),
		Expr:  layout(setOperation(parser.LAND, both, enough)),
		Labels: map[string]string{
			LabelSeverity:    t.Severity,
			LabelLongWindow:  t.Long.String(),
			LabelShortWindow: t.Short.String(),
			LabelBurnRate:    decimal(ratOf(t.Burn)),
		},
		Annotations: s.annotations(t, linkBase),
	}
}

// burns compares with a threshold that a person can read: 14.4 * (1 - 0.999).
func (s SLO) burns(t Tier, w Window) parser.Expr {
	budget := paren(binary(parser.SUB, number(1), number(floatOf(s.Objective))))
	return binary(parser.GTR, s.series(ErrorRatio(w)), binary(parser.MUL, number(t.Burn), budget))
}

// annotations are read at three in the morning: what fails, how much, what is left, when it is gone. Since when is the
// start time that every notification carries.
func (s SLO) annotations(t Tier, linkBase string) map[string]string {
	now := fmt.Sprintf("{{ with %s }}{{ . | first | value | humanizePercentage }} of {{ end }}%s failed in the last %s",
		s.lookup(ErrorRatio(t.Short)), s.Events, t.Short.words())
	left := fmt.Sprintf("{{ with %s }}{{ $left := . | first | value }}; {{ if gt $left 0.0 }}{{ $left | humanizePercentage }} of the "+
		"30-day error budget is left{{ else }}the 30-day error budget is spent{{ end }}{{ end }}", s.lookup(BudgetRemainingRatio))
	before := fmt.Sprintf("In the last %s it was {{ $value | humanizePercentage }}: more than %s the objective of %s allows.",
		t.Long.words(), times(t.Burn), percent(s.Objective))
	gone := fmt.Sprintf("{{ with %s }}{{ $seconds := . | first | value }}{{ if gt $seconds 0.0 }} At the present rate the error budget "+
		"is spent in {{ $seconds | humanizeDuration }}.{{ end }}{{ end }}", s.lookup(BudgetExhaustionSeconds))
	return map[string]string{
		"summary":       now + left,
		"description":   before + gone,
		"runbook_url":   linkBase + "/runbooks/" + s.Name,
		"dashboard_url": linkBase + "/d/" + s.Dashboard,
	}
}

func times(burn float64) string {
	if burn == 1 {
		return "what"
	}
	return decimal(ratOf(burn)) + " times what"
}

// lookup is the template action that queries a recorded series of the SLO.
func (s SLO) lookup(name string) string { return "query `" + s.series(name).String() + "`" }

// floatOf is the float64 nearest to r; it prints as the decimal that r is.
func floatOf(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}
