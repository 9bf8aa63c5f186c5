package home

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/farmersmarket/platform/lookout/webui"
	"github.com/farmersmarket/platform/slo"
)

// burnWindows are the windows shown: those of every alert tier, and the one that shows an outage first.
var burnWindows = []slo.Window{slo.Window5m, slo.Window1h, slo.Window6h, slo.Window3d}

// sloQuery selects every recorded series that the panel shows, of every SLO.
var sloQuery = func() string {
	names := []string{slo.ObjectiveRatio, slo.BudgetRemainingRatio}
	for _, w := range burnWindows {
		names = append(names, slo.ErrorRatio(w), slo.BurnRate(w))
	}
	return fmt.Sprintf(`{__name__=~%q}`, strings.Join(names, "|"))
}()

// sloView is one SLO as the page shows it.
type sloView struct {
	Name      string
	Objective float64 // ratio
	Remaining float64 // of the error budget; 1 is untouched, below 0 is overspent; NaN when unknown
	Burn      []burnView
}

// burnView is how fast the budget burns over one window.
type burnView struct {
	Window slo.Window
	Ratio  float64 // errors of events
	Rate   float64 // 1 spends exactly the budget in the period
	Class  string  // how alarming that is
}

// slos reads every SLO of the service.
func (p *prometheusSource) slos(ctx context.Context, at time.Time) ([]sloView, error) {
	vector, err := p.instant(ctx, sloQuery, at)
	if err != nil {
		return nil, err
	}
	values := map[string]map[string]float64{}
	for _, sample := range vector {
		name := string(sample.Metric["slo"])
		if values[name] == nil {
			values[name] = map[string]float64{}
		}
		values[name][string(sample.Metric[model.MetricNameLabel])] = float64(sample.Value)
	}
	var views []sloView
	for name, series := range values {
		views = append(views, newSLOView(name, series))
	}
	slices.SortFunc(views, func(a, b sloView) int { return strings.Compare(a.Name, b.Name) })
	return views, nil
}

func newSLOView(name string, series map[string]float64) sloView {
	value := func(name string) float64 {
		if v, ok := series[name]; ok {
			return v
		}
		return math.NaN()
	}
	view := sloView{Name: name, Objective: value(slo.ObjectiveRatio), Remaining: value(slo.BudgetRemainingRatio)}
	for _, w := range burnWindows {
		burn := burnView{Window: w, Ratio: value(slo.ErrorRatio(w)), Rate: value(slo.BurnRate(w))}
		burn.Class = burn.alarm()
		view.Burn = append(view.Burn, burn)
	}
	return view
}

// alarm compares with the tiers that watch the window.
func (b burnView) alarm() string {
	class := ""
	for _, tier := range slo.DefaultTiers() {
		if (tier.Long != b.Window && tier.Short != b.Window) || !(b.Rate > tier.Burn) {
			continue
		}
		if tier.Severity == slo.SeverityPage {
			return "bad"
		}
		class = "warn"
	}
	return class
}

// Title is the SLO's name as a heading.
func (s sloView) Title() string {
	text := strings.ReplaceAll(s.Name, "-", " ")
	text = strings.ReplaceAll(text, "api", "API")
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// Target is the objective in words.
func (s sloView) Target() string {
	if !isNumber(s.Objective) {
		return ""
	}
	return short4(s.Objective*100) + " % over 30 days"
}

// Left is the budget left, in words.
func (s sloView) Left() string {
	if !isNumber(s.Remaining) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", s.Remaining*100)
}

// LeftClass is how alarming the budget left is.
func (s sloView) LeftClass() string {
	switch {
	case !isNumber(s.Remaining):
		return ""
	case s.Remaining <= 0:
		return "bad"
	case s.Remaining < 0.25:
		return "warn"
	default:
		return "good"
	}
}

// Bar is the width of the bar of budget left, 0 to 1000.
func (s sloView) Bar() int {
	if !isNumber(s.Remaining) {
		return 0
	}
	return int(1000 * math.Max(0, math.Min(1, s.Remaining)))
}

// Outlook says what the pace of the last hour leads to. Time left = budget left × period / burn rate.
func (s sloView) Outlook() string {
	index := slices.IndexFunc(s.Burn, func(b burnView) bool { return b.Window == slo.Window1h })
	rate := s.Burn[index].Rate
	switch {
	case !isNumber(s.Remaining) || !isNumber(rate):
		return "Not enough has been measured yet."
	case s.Remaining <= 0:
		return "The budget is spent."
	case rate <= 0:
		return "Nothing burned in the last hour."
	case rate <= 1:
		return "At the pace of the last hour the budget lasts."
	}
	left := time.Duration(s.Remaining / rate * float64(slo.Period))
	return fmt.Sprintf("At the pace of the last hour it is gone in %s.", webui.Span(left))
}

// RateText and RatioText write the numbers of a window; a dash stands for what is not known.
func (b burnView) RateText() string {
	if !isNumber(b.Rate) {
		return "–"
	}
	return short(b.Rate) + "×"
}

// RatioText is the share of events that were bad.
func (b burnView) RatioText() string {
	if !isNumber(b.Ratio) {
		return "–"
	}
	return percent(b.Ratio)
}

// short4 keeps the nines of an objective, which three digits would round away.
func short4(v float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", v), "0"), ".")
}
