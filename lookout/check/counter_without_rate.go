package check

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// ofAnySeries are the functions that do not read a counter's value, or only in ways that a restart does not spoil.
var ofAnySeries = append([]string{
	"absent", "absent_over_time", "present_over_time", "count_over_time", "changes", "timestamp", "last_over_time", "group",
}, ofCounters...)

// counterWithoutRate finds counters that are read as they are. How far a counter has come says when its program started, and
// little else.
func counterWithoutRate(s Schema, e expression) []finding {
	if e.selects {
		return nil
	}
	var found []finding
	walk(e.tree, func(node parser.Node, path []parser.Node) {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || s.series[nameOf(selector)].kind != counter || countsSeries(path) || hasRate(path) {
			return
		}
		place := e.find(nameOf(selector), int(selector.PosRange.Start), int(selector.PosRange.End))
		place.message = fmt.Sprintf("the counter %s is read without rate() or increase(): it starts over at every restart", nameOf(selector))
		found = append(found, place)
	})
	return found
}

func hasRate(path []parser.Node) bool {
	return slices.ContainsFunc(path, func(node parser.Node) bool {
		c, ok := node.(*parser.Call)
		return ok && slices.Contains(ofAnySeries, c.Func.Name)
	})
}

// countsSeries tells whether only the number or the presence of series is asked for.
func countsSeries(path []parser.Node) bool {
	return slices.ContainsFunc(path, func(node parser.Node) bool {
		a, ok := node.(*parser.AggregateExpr)
		return ok && (a.Op == parser.COUNT || a.Op == parser.GROUP)
	})
}
