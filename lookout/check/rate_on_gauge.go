package check

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// ofCounters are the functions that take every fall of a value for a restart of the program.
var ofCounters = []string{"rate", "irate", "increase", "resets"}

// rateOnGauge finds functions of counters that are given a gauge: each time the gauge falls, they count its new value again.
func rateOnGauge(s Schema, e expression) []finding {
	var found []finding
	walk(e.tree, func(node parser.Node, path []parser.Node) {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return
		}
		known, isKnown := s.series[nameOf(selector)]
		name := nearestCall(path)
		if isKnown && known.kind == gauge && slices.Contains(ofCounters, name) {
			place := e.find(nameOf(selector), int(selector.PosRange.Start), int(selector.PosRange.End))
			place.message = fmt.Sprintf("%s() of the gauge %s: a fall of a gauge is not a restart; use delta(), deriv() or the value itself", name, nameOf(selector))
			found = append(found, place)
		}
	})
	return found
}

// nearestCall is the function that is applied to a range of the series itself.
func nearestCall(path []parser.Node) string {
	for _, node := range slices.Backward(path) {
		switch n := node.(type) {
		case *parser.Call:
			return n.Func.Name
		case *parser.MatrixSelector, *parser.SubqueryExpr, *parser.ParenExpr:
			continue
		default:
			return ""
		}
	}
	return ""
}
