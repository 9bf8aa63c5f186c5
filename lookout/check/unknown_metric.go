package check

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/farmersmarket/platform/internal/nearest"
)

// unknownMetric finds names of series that nothing exposes or records.
func unknownMetric(s Schema, e expression) []finding {
	var found []finding
	walk(e.tree, func(node parser.Node, _ []parser.Node) {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || selector.Name == "" {
			return
		}
		if _, known := s.series[selector.Name]; known {
			return
		}
		place := e.find(selector.Name, int(selector.PosRange.Start), int(selector.PosRange.End))
		place.message = fmt.Sprintf("nothing exposes or records %s", selector.Name)
		if hint := nearest.Hint(selector.Name, s.names()); hint != "" {
			place.message += ": " + hint
		}
		found = append(found, place)
	})
	return found
}
