package check

import (
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/farmersmarket/platform/internal/nearest"
)

// unknownMetric finds names of series that nothing exposes or records.
func unknownMetric(s Schema, e expression) []finding {
	var found []finding
	walk(e.tree, func(node parser.Node, _ []parser.Node) {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return
		}
		name := nameOf(selector)
		if _, known := s.series[name]; known || name == "" {
			return
		}
		place := e.find(name, int(selector.PosRange.Start), int(selector.PosRange.End))
		place.message = "nothing exposes or records " + name
		if hint := nearest.Hint(name, s.names()); hint != "" {
			place.message += ": " + hint
		}
		found = append(found, place)
	})
	return found
}
