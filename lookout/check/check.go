// Package check finds mistakes in PromQL before they are deployed: in the SLOs, the rules and the dashboards of the
// repository. It knows every metric and label that can exist from telemetry/catalogue, from the recording rules
// themselves and from telemetry/inventory, so it needs no running Prometheus. Each check is one file here, named as it is
// reported, with a page in docs/checks.
package check

import (
	"cmp"
	"fmt"
	"slices"
)

// A checker looks at one parsed expression and reports what is wrong with it.
type checker struct {
	name  string
	check func(Schema, expression) []finding
}

func checkers() []checker {
	return []checker{
		{"unknown-metric", unknownMetric},
		{"unknown-label", unknownLabel},
		{"unknown-value", unknownValue},
		{"rate-on-gauge", rateOnGauge},
		{"counter-without-rate", counterWithoutRate},
		{"alert-template", alertTemplate},
	}
}

// finding is what a checker reports: a part of the expression, in bytes, and what is wrong with it.
type finding struct {
	start, end int
	message    string
}

// Report is the result of a check of the whole repository.
type Report struct {
	Expressions int       `json:"expressions"` // how many were checked
	Problems    []Problem `json:"problems"`
}

// Run checks the repository at root. An error means that it could not be read; what is wrong in it is in the report.
func Run(root string) (Report, error) {
	sources, problems, err := readSources(root)
	if err != nil {
		return Report{}, err
	}
	schema, err := newSchema(root, sources)
	if err != nil {
		return Report{}, err
	}
	for _, e := range sources {
		problems = append(problems, schema.problems(e)...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return Report{Expressions: len(sources), Problems: repeatedOnce(problems)}, nil
}

func (s Schema) problems(e expression) []Problem {
	if e.tree == nil {
		return []Problem{e.problem("syntax", e.syntax)}
	}
	var problems []Problem
	for _, c := range checkers() {
		for _, f := range c.check(s, e) {
			problems = append(problems, e.problem(c.name, f))
		}
	}
	return problems
}

// repeatedOnce folds the same problem, repeated all over a file, into its first place.
func repeatedOnce(problems []Problem) []Problem {
	first := map[string]int{}
	folded := []Problem{}
	for _, p := range problems {
		key := fmt.Sprintf("%s\n%s\n%s", p.File, p.Check, p.Message)
		if i, known := first[key]; known {
			folded[i].Repeated++
			continue
		}
		first[key] = len(folded)
		folded = append(folded, p)
	}
	return folded
}
