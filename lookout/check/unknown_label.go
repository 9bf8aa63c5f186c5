package check

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/farmersmarket/platform/internal/nearest"
)

// unknownLabel finds labels that what they are asked of does not have: in selectors, in by and without, in on, ignoring,
// group_left and group_right, and in the
// label_values of a Grafana variable.
func unknownLabel(s Schema, e expression) []finding {
	var found []finding
	if has := s.labelsOf(e.tree); e.lists != "" && !has.has(e.lists) {
		found = append(found, missingLabel(e, e.lists, 0, len(e.text), "what label_values looks at", has))
	}
	walk(e.tree, func(node parser.Node, _ []parser.Node) {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found = append(found, s.selectorMistakes(e, n)...)
		case *parser.AggregateExpr:
			inner := s.labelsOf(n.Expr)
			for _, label := range n.Grouping {
				if !inner.has(label) {
					found = append(found, missingLabel(e, label, int(n.PosRange.Start), int(n.PosRange.End), "what is aggregated", inner))
				}
			}
		case *parser.BinaryExpr:
			found = append(found, s.matchingMistakes(e, n)...)
		}
	})
	return found
}

func (s Schema) selectorMistakes(e expression, selector *parser.VectorSelector) []finding {
	known, ok := s.series[nameOf(selector)]
	if !ok {
		return nil
	}
	var found []finding
	start := int(selector.PosRange.Start) + len(selector.Name) // a label may be part of the name
	for _, m := range selector.LabelMatchers {
		if m.Name != model.MetricNameLabel && !known.labels.has(m.Name) {
			found = append(found, missingLabel(e, m.Name, start, int(selector.PosRange.End), nameOf(selector), known.labels))
		}
	}
	return found
}

// matchingMistakes finds labels that one side of a match lacks, so that nothing would ever match.
func (s Schema) matchingMistakes(e expression, n *parser.BinaryExpr) []finding {
	matching := n.VectorMatching
	if matching == nil || n.LHS.Type() != parser.ValueTypeVector || n.RHS.Type() != parser.ValueTypeVector {
		return nil
	}
	left, right := s.labelsOf(n.LHS), s.labelsOf(n.RHS)
	from, to := int(n.LHS.PositionRange().End), int(n.RHS.PositionRange().Start)
	var found []finding
	for _, label := range matching.MatchingLabels {
		switch {
		case !left.has(label) && (matching.On || !right.has(label)):
			found = append(found, missingLabel(e, label, from, to, "the left side", left))
		case !right.has(label) && matching.On:
			found = append(found, missingLabel(e, label, from, to, "the right side", right))
		}
	}
	one := right
	if matching.Card == parser.CardOneToMany {
		one = left
	}
	for _, label := range matching.Include {
		if !one.has(label) {
			found = append(found, missingLabel(e, label, from, to, "the side that it is taken from", one))
		}
	}
	return found
}

func missingLabel(e expression, label string, from, to int, of string, has labelSet) finding {
	place := e.find(label, from, to)
	place.message = fmt.Sprintf("%s has no label %s", of, label)
	switch hint := nearest.Hint(label, has.sorted()); {
	case hint != "":
		place.message += ": " + hint
	case len(has.names) == 0:
		place.message += ": it has no labels at all"
	default:
		place.message += ": it has " + strings.Join(has.sorted(), ", ")
	}
	return place
}
