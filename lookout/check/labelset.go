package check

import (
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// labelSet is the set of labels that the result of an expression may have. An open set may have others, too.
type labelSet struct {
	names map[string]bool
	open  bool
}

func setOf(names ...string) labelSet {
	set := labelSet{names: map[string]bool{}}
	for _, name := range names {
		set.names[name] = true
	}
	return set
}

func openSet() labelSet { return labelSet{names: map[string]bool{}, open: true} }

func (s labelSet) has(name string) bool { return s.open || s.names[name] }

func (s labelSet) sorted() []string { return slices.Sorted(maps.Keys(s.names)) }

func (s labelSet) with(names ...string) labelSet {
	grown := labelSet{names: maps.Clone(s.names), open: s.open}
	for _, name := range names {
		grown.names[name] = true
	}
	return grown
}

func (s labelSet) without(names ...string) labelSet {
	shrunk := labelSet{names: maps.Clone(s.names), open: s.open}
	for _, name := range names {
		delete(shrunk.names, name)
	}
	return shrunk
}

// only keeps the named labels. Of an open set, any of them may be there.
func (s labelSet) only(names ...string) labelSet {
	kept := setOf()
	for _, name := range names {
		if s.has(name) {
			kept.names[name] = true
		}
	}
	return kept
}

func (s labelSet) union(other labelSet) labelSet {
	joined := s.with(other.sorted()...)
	joined.open = s.open || other.open
	return joined
}

// labelsOf is the set of labels that the result of an expression may have.
func (s Schema) labelsOf(node parser.Expr) labelSet {
	switch e := node.(type) {
	case *parser.VectorSelector:
		return s.selectorLabels(e)
	case *parser.MatrixSelector:
		return s.labelsOf(e.VectorSelector)
	case *parser.SubqueryExpr:
		return s.labelsOf(e.Expr)
	case *parser.ParenExpr:
		return s.labelsOf(e.Expr)
	case *parser.UnaryExpr:
		return s.labelsOf(e.Expr)
	case *parser.StepInvariantExpr:
		return s.labelsOf(e.Expr)
	case *parser.AggregateExpr:
		return s.aggregateLabels(e)
	case *parser.Call:
		return s.callLabels(e)
	case *parser.BinaryExpr:
		return s.binaryLabels(e)
	}
	return setOf() // a number or a text
}

func (s Schema) selectorLabels(selector *parser.VectorSelector) labelSet {
	known, found := s.series[nameOf(selector)]
	if !found {
		return openSet()
	}
	return known.labels
}

func (s Schema) aggregateLabels(e *parser.AggregateExpr) labelSet {
	inner := s.labelsOf(e.Expr)
	switch {
	case e.Op == parser.TOPK || e.Op == parser.BOTTOMK || e.Op == parser.LIMITK || e.Op == parser.LIMIT_RATIO:
		return inner
	case e.Without:
		return inner.without(e.Grouping...)
	}
	kept := inner.only(e.Grouping...)
	if label, ok := e.Param.(*parser.StringLiteral); ok && e.Op == parser.COUNT_VALUES {
		return kept.with(label.Val)
	}
	return kept
}

func (s Schema) callLabels(e *parser.Call) labelSet {
	switch e.Func.Name {
	case "absent", "absent_over_time":
		return absentLabels(e.Args[0])
	case "label_replace", "label_join":
		if label, ok := e.Args[1].(*parser.StringLiteral); ok {
			return s.labelsOf(e.Args[0]).with(label.Val)
		}
		return openSet()
	case "histogram_quantile", "histogram_fraction":
		return s.labelsOf(e.Args[len(e.Args)-1]).without("le")
	case "info":
		return openSet()
	}
	for _, argument := range e.Args {
		if t := argument.Type(); t == parser.ValueTypeVector || t == parser.ValueTypeMatrix {
			return s.labelsOf(argument)
		}
	}
	return setOf()
}

// absentLabels are those that the selector asks to be equal to something.
func absentLabels(argument parser.Expr) labelSet {
	set := setOf()
	walk(argument, func(node parser.Node, _ []parser.Node) {
		if selector, ok := node.(*parser.VectorSelector); ok {
			for _, m := range selector.LabelMatchers {
				if m.Type == labels.MatchEqual && m.Name != model.MetricNameLabel {
					set.names[m.Name] = true
				}
			}
		}
	})
	return set
}

func (s Schema) binaryLabels(e *parser.BinaryExpr) labelSet {
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return s.labelsOf(e.RHS)
	case e.RHS.Type() == parser.ValueTypeScalar:
		return s.labelsOf(e.LHS)
	case e.Op == parser.LOR:
		return s.labelsOf(e.LHS).union(s.labelsOf(e.RHS))
	case e.Op == parser.LAND || e.Op == parser.LUNLESS:
		return s.labelsOf(e.LHS)
	}
	switch matching := e.VectorMatching; {
	case matching.Card == parser.CardManyToOne:
		return s.labelsOf(e.LHS).with(matching.Include...)
	case matching.Card == parser.CardOneToMany:
		return s.labelsOf(e.RHS).with(matching.Include...)
	case matching.On:
		return s.labelsOf(e.LHS).only(matching.MatchingLabels...)
	default:
		return s.labelsOf(e.LHS).without(matching.MatchingLabels...)
	}
}
