package slo

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// The functions below build PromQL as a syntax tree. Text would have to be quoted and bracketed right by hand at each use.

func number(f float64) parser.Expr { return &parser.NumberLiteral{Val: f} }

func binary(op parser.ItemType, left, right parser.Expr) parser.Expr {
	return &parser.BinaryExpr{Op: op, LHS: left, RHS: right, VectorMatching: &parser.VectorMatching{}}
}

// setOperation is and, or, unless: between any number of elements on either side.
func setOperation(op parser.ItemType, left, right parser.Expr) parser.Expr {
	return &parser.BinaryExpr{Op: op, LHS: left, RHS: right, VectorMatching: &parser.VectorMatching{Card: parser.CardManyToMany}}
}

// binaryOnNothing matches two vectors of one element each, whatever their labels.
func binaryOnNothing(op parser.ItemType, left, right parser.Expr) parser.Expr {
	matching := &parser.VectorMatching{On: true}
	if op == parser.LOR {
		matching.Card = parser.CardManyToMany
	}
	return &parser.BinaryExpr{Op: op, LHS: left, RHS: right, VectorMatching: matching}
}

func paren(e parser.Expr) parser.Expr { return &parser.ParenExpr{Expr: e} }

func call(name string, args ...parser.Expr) parser.Expr {
	return &parser.Call{Func: parser.MustGetFunction(name), Args: args}
}

func sum(e parser.Expr) parser.Expr { return &parser.AggregateExpr{Op: parser.SUM, Expr: e} }

func matrix(v *parser.VectorSelector, w Window) parser.Expr {
	return &parser.MatrixSelector{VectorSelector: v, Range: w.Duration()}
}

func subquery(e parser.Expr, w Window, step time.Duration) parser.Expr {
	return &parser.SubqueryExpr{Expr: e, Range: w.Duration(), Step: step}
}

// series selects a recorded series of the SLO.
func (s SLO) series(name string) *parser.VectorSelector {
	return &parser.VectorSelector{
		Name: name,
		LabelMatchers: []*labels.Matcher{
			parser.MustLabelMatcher(labels.MatchEqual, model.MetricNameLabel, name),
			parser.MustLabelMatcher(labels.MatchEqual, LabelService, s.Service),
			parser.MustLabelMatcher(labels.MatchEqual, LabelSLO, s.Name),
		},
	}
}

// newParser accepts exactly the PromQL that a Prometheus without feature flags accepts.
func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// lineLength is how long an expression may be before it is broken in front of its operators.
const lineLength = 110

// layout writes an expression for people: on one line if it fits, else one operand a line.
func layout(e parser.Expr) string {
	text := e.String()
	operation, ok := e.(*parser.BinaryExpr)
	if !ok || len(text) <= lineLength {
		return text
	}
	return layout(operation.LHS) + "\n" + strings.TrimSpace(operation.ShortString()) + " " + operation.RHS.String()
}
