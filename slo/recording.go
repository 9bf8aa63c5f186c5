package slo

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// tile is the length of the recorded increases that the long windows sum up.
const tile = Window5m

// coverageStep is how finely the age of the data is measured where a direct window is longer than the data.
const coverageStep = 10 * time.Second

// longWindowInterval is how often the long windows are evaluated. They move by one tile in 5 minutes.
const longWindowInterval = model.Duration(time.Minute)

// directRecordings are the recordings of the windows that an outage must show in at once.
func (s SLO) directRecordings() []rulefmt.Rule {
	recordings := []rulefmt.Rule{
		record(ObjectiveRatio, call("vector", number(floatOf(s.Objective)))),
		record(BudgetRatio, call("vector", number(floatOf(s.Budget())))),
	}
	for _, w := range directWindows {
		recordings = append(recordings, record(EventsTotal(w), s.directTotal(w)), record(EventsBad(w), s.directBad(w)))
		recordings = append(recordings, s.ratioRecordings(w)...)
	}
	return append(recordings, record(BudgetExhaustionSeconds, s.budgetExhaustion()))
}

// tiledRecordings are the recordings of the windows that are too long to be counted from the counters every few seconds.
func (s SLO) tiledRecordings() []rulefmt.Rule {
	var recordings []rulefmt.Rule
	for _, w := range tiledWindows {
		recordings = append(recordings, record(EventsTotal(w), s.tiledTotal(w)), record(EventsBad(w), s.tiledBad(w)))
		recordings = append(recordings, s.ratioRecordings(w)...)
	}
	remaining := binary(parser.SUB, number(1),
		binary(parser.DIV, s.series(ErrorRatio(Window30d)), s.series(BudgetRatio)))
	return append(recordings, record(BudgetRemainingRatio, remaining))
}

func (s SLO) ratioRecordings(w Window) []rulefmt.Rule {
	// At least 1 in the divisor makes the ratio of an idle window 0 instead of NaN, and changes no other: increase()
	// never extrapolates one event to less than one.
	ratio := binary(parser.DIV, s.series(EventsBad(w)), call("clamp_min", s.series(EventsTotal(w)), number(1)))
	recordings := []rulefmt.Rule{record(ErrorRatio(w), ratio)}
	if burnWindows[w] {
		burn := binary(parser.DIV, s.series(ErrorRatio(w)), s.series(BudgetRatio))
		recordings = append(recordings, record(BurnRate(w), burn))
	}
	return recordings
}

// directTotal counts the window's events, and fills the window up where it is longer than the data: divided by the part
// of it for which there are data. Without that, one bad minute in a service's first ten would count as a tenth of the
// hour, of the day and of the month.
func (s SLO) directTotal(w Window) parser.Expr {
	total := sum(call("increase", matrix(s.Total, w)))
	if w == tile {
		return total
	}
	points := w.Duration() / coverageStep
	seen := call("count_over_time", subquery(s.series(EventsTotal(tile)), w, coverageStep))
	return binaryOnNothing(parser.DIV, total, paren(binary(parser.DIV, seen, number(float64(points)))))
}

// directBad counts the window's bad events: 0 while there are events but no series of bad ones yet.
func (s SLO) directBad(w Window) parser.Expr {
	none := binary(parser.MUL, s.series(EventsTotal(w)), number(0))
	return binaryOnNothing(parser.LOR, sum(call("increase", matrix(s.Bad, w))), none)
}

// tiledTotal is the mean of the tiles times their number in a full window, so that a window longer than the data is
// filled up. In the first hour, the last hour stands in: the first tile begins in the middle and would count as a whole.
func (s SLO) tiledTotal(w Window) parser.Expr {
	tiles := subquery(s.series(EventsTotal(tile)), w, tile.Duration())
	inWindow := float64(w.Duration() / tile.Duration())
	inHour := float64(Window1h.Duration() / tile.Duration())
	mean := binary(parser.MUL, call("avg_over_time", tiles), number(inWindow))
	anHourLong := binary(parser.GTE, call("count_over_time", tiles), number(inHour))
	lastHour := binary(parser.MUL, s.series(EventsTotal(Window1h)), number(inWindow/inHour))
	return setOperation(parser.LOR, setOperation(parser.LAND, mean, anHourLong), lastHour)
}

// tiledBad is the sum of the tiles, and never less than what the last hour holds: an outage of this minute, which is in no
// tile yet, counts at once.
func (s SLO) tiledBad(w Window) parser.Expr {
	tiles := call("sum_over_time", subquery(s.series(EventsBad(tile)), w, tile.Duration()))
	lastHour := s.series(EventsBad(Window1h))
	return setOperation(parser.LOR, binary(parser.GTR, tiles, lastHour), lastHour)
}

// budgetExhaustion divides what is left of the budget by how fast it burns.
func (s SLO) budgetExhaustion() parser.Expr {
	left := call("clamp_min", s.series(BudgetRemainingRatio), number(0))
	burning := paren(binary(parser.GTR, s.series(BurnRate(Window5m)), number(0)))
	return binary(parser.MUL, binary(parser.DIV, left, burning), number(Period.Seconds()))
}

func record(name string, expr parser.Expr) rulefmt.Rule {
	return rulefmt.Rule{Record: name, Expr: layout(expr)}
}
