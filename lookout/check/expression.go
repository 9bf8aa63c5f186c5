package check

import (
	"errors"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression is one PromQL expression and where it is written.
type expression struct {
	file      string
	where     string // such as: alert TargetDown
	text      string
	positions positions

	tree   parser.Expr // nil when it does not parse
	syntax finding     // why it does not

	rule *rule // the rule that it belongs to; nil elsewhere
	// selects is true where only series are named, as an SLO's query and the arguments of Grafana's label_values do.
	// Counters need no rate() there.
	selects bool
	lists   string // the label whose values Grafana's label_values lists; empty elsewhere
}

// rule is what an expression's rule adds to its result.
type rule struct {
	record    string // empty for alerts
	labels    map[string]string
	templates []templated // of an alert's labels and annotations
}

// templated is a label or an annotation of an alert, in which Go templates are expanded.
type templated struct{ name, text string }

// parse fills in the tree, or why there is none. Grafana's variables are given values of the same length first, so that
// positions stay what they are.
func (e expression) parse() expression {
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(fillVariables(e.text))
	if err == nil {
		e.tree = tree
		return e
	}
	e.syntax = finding{start: 0, end: len(e.text), message: err.Error()}
	var parseErrors parser.ParseErrors
	if errors.As(err, &parseErrors) && len(parseErrors) > 0 {
		first := parseErrors[0]
		e.syntax = finding{start: int(first.PositionRange.Start), end: int(first.PositionRange.End), message: first.Err.Error()}
	}
	return e
}

// walk visits every node of a tree with the nodes above it.
func walk(tree parser.Expr, visit func(node parser.Node, path []parser.Node)) {
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		if node != nil {
			visit(node, path)
		}
		return nil
	})
}

// nameOf is the series that a selector names, as up or as {__name__="up"}; empty when it names none or several.
func nameOf(selector *parser.VectorSelector) string {
	for _, m := range selector.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// find returns the range of the n-th whole word in the part of the text that starts at from, or that part's start.
func (e expression) find(word string, from, to int) finding {
	to = min(max(to, from), len(e.text))
	part := e.text[from:to]
	for start := 0; start < len(part); {
		i := strings.Index(part[start:], word)
		if i < 0 {
			break
		}
		i += start
		if isWord(part, i, i+len(word)) {
			return finding{start: from + i, end: from + i + len(word)}
		}
		start = i + 1
	}
	return finding{start: from, end: to}
}

func isWord(text string, start, end int) bool {
	return (start == 0 || !isNameByte(text[start-1])) && (end >= len(text) || !isNameByte(text[end]))
}

func isNameByte(b byte) bool {
	return b == '_' || b == ':' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
