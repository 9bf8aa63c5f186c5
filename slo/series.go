package slo

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// Window is a length of time over which events are counted. It prints as PromQL writes it: 5m, 1h, 30d.
type Window time.Duration

// The windows that are recorded for every SLO.
const (
	Window5m  = Window(5 * time.Minute)
	Window30m = Window(30 * time.Minute)
	Window1h  = Window(time.Hour)
	Window2h  = Window(2 * time.Hour)
	Window6h  = Window(6 * time.Hour)
	Window1d  = Window(24 * time.Hour)
	Window3d  = Window(3 * 24 * time.Hour)
	Window30d = Window(Period)
)

// directWindows are counted from the counters themselves at every evaluation: an outage shows in them at once.
// tiledWindows are sums of the recorded 5-minute increases, laid end to end: cheap over any length, and up to 5 minutes
// behind.
var (
	directWindows = []Window{Window5m, Window30m, Window1h}
	tiledWindows  = []Window{Window2h, Window6h, Window1d, Window3d, Window30d}
	burnWindows   = map[Window]bool{Window5m: true, Window1h: true, Window6h: true, Window3d: true}
)

// Windows returns every recorded window, shortest first.
func Windows() []Window {
	return append(append([]Window{}, directWindows...), tiledWindows...)
}

// Duration is the window's length.
func (w Window) Duration() time.Duration { return time.Duration(w) }

func (w Window) String() string { return model.Duration(w).String() }

// words is the window as people say it after "the last": 5 minutes, hour, 3 days.
func (w Window) words() string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch count := w.Duration() / unit.length; {
		case count == 1:
			return unit.name
		case count > 1:
			return fmt.Sprintf("%d %ss", count, unit.name)
		}
	}
	return w.String()
}

// Names of the recorded series that have no window.
const (
	// ObjectiveRatio is the share of events that must be good.
	ObjectiveRatio = "slo:objective:ratio"
	// BudgetRatio is the share of events that may be bad.
	BudgetRatio = "slo:error_budget:ratio"
	// BudgetRemainingRatio is the part of the 30-day budget that is left: 1 untouched, 0 spent, negative overspent.
	BudgetRemainingRatio = "slo:error_budget_remaining:ratio"
	// BudgetExhaustionSeconds is how long the rest of the budget lasts at the burn rate of the last 5 minutes. Absent
	// while nothing burns.
	BudgetExhaustionSeconds = "slo:error_budget_exhaustion:seconds"
)

// EventsTotal names the number of events in the window. While a window is longer than the data, it is the number that a
// full window would hold at the traffic seen so far; the 5-minute window is never filled up.
func EventsTotal(w Window) string { return "slo:events_total:increase" + w.String() }

// EventsBad names the number of bad events in the window.
func EventsBad(w Window) string { return "slo:events_bad:increase" + w.String() }

// ErrorRatio names the share of the window's events that are bad: 0 when there were none.
func ErrorRatio(w Window) string { return "slo:error_ratio:ratio_rate" + w.String() }

// BurnRate names how many times faster than allowed the window spends the budget. It is recorded for 5m, 1h, 6h and 3d.
func BurnRate(w Window) string { return "slo:burn_rate:ratio_rate" + w.String() }
