package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/farmersmarket/platform/internal/nearest"
)

// unknownValue finds values that a label with a bounded set of values never has.
func unknownValue(s Schema, e expression) []finding {
	var found []finding
	walk(e.tree, func(node parser.Node, _ []parser.Node) {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return
		}
		for _, m := range selector.LabelMatchers {
			values := s.series[nameOf(selector)].values[m.Name]
			if len(values) == 0 || hasVariable(m.Value) {
				continue
			}
			for _, asked := range askedValues(m) {
				if !possible(m, asked, values) {
					found = append(found, valueFinding(e, selector, m.Name, asked, values))
				}
			}
		}
	})
	return found
}

// askedValues are the values that a matcher spells out: one, or those of an alternation such as a|b; else the whole
// regular expression.
func askedValues(m *labels.Matcher) []string {
	if alternatives := m.SetMatches(); len(alternatives) > 0 {
		return alternatives
	}
	return []string{m.Value}
}

func possible(m *labels.Matcher, asked string, values []string) bool {
	if asked == "" || slices.Contains(values, asked) {
		return true
	}
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual || len(m.SetMatches()) > 0 {
		return false
	}
	return slices.ContainsFunc(values, func(v string) bool { return m.Matches(v) == (m.Type == labels.MatchRegexp) })
}

func valueFinding(e expression, selector *parser.VectorSelector, label, asked string, values []string) finding {
	start, end := int(selector.PosRange.Start), int(selector.PosRange.End)
	place := e.find(label, start, end)
	if i := strings.Index(e.text[place.start:end], asked); i >= 0 {
		place.start += i
		place.end = place.start + len(asked)
	}
	place.message = fmt.Sprintf("label %s is never %q", label, asked)
	if hint := nearest.Hint(asked, values); hint != "" {
		place.message += ": " + hint
	} else {
		place.message += fmt.Sprintf(": it is one of %q", slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }))
	}
	return place
}
