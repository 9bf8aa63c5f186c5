package slo

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	v1 "github.com/OpenSLO/go-sdk/pkg/openslo/v1"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// reader turns a valid OpenSLO document into an SLO, and knows where in the file each part is.
type reader struct {
	file     string
	document *yaml.Node
}

// errorAt is an error at the position of the deepest part of path that the document has.
func (r reader) errorAt(err error, path ...string) error {
	return fmt.Errorf("%s:%d: %s: %w", r.file, find(r.document, path...).Line, strings.Join(path, "."), err)
}

func (r reader) slo(d v1.SLO) (SLO, error) {
	s := SLO{
		Name: d.Metadata.Name, DisplayName: d.Metadata.DisplayName, Service: d.Spec.Service,
		Events: "events", MinBadEvents: defaultMinBadEvents, Tiers: DefaultTiers(), File: r.file,
	}
	if s.DisplayName == "" {
		s.DisplayName = s.Name
	}
	problems := []error{r.period(d), r.objective(&s, d), r.indicator(&s, d), r.annotations(&s, d)}
	if err := errors.Join(problems...); err != nil {
		return SLO{}, err
	}
	for _, t := range s.Tiers {
		if err := s.checkReachable(t); err != nil {
			problems = append(problems, r.errorAt(err, "spec", "objectives"))
		}
	}
	return s, errors.Join(problems...)
}

func (r reader) period(d v1.SLO) error {
	if d.Spec.BudgetingMethod != v1.SLOBudgetingMethodOccurrences {
		return r.errorAt(errors.New("only Occurrences is supported: the budget counts events"), "spec", "budgetingMethod")
	}
	if len(d.Spec.TimeWindow) != 1 || !d.Spec.TimeWindow[0].IsRolling || d.Spec.TimeWindow[0].Duration.Duration() != Period {
		return r.errorAt(errors.New("only one rolling window of 30d is supported: the burn rates of the SRE workbook are for 30 days"),
			"spec", "timeWindow")
	}
	return nil
}

func (r reader) objective(s *SLO, d v1.SLO) error {
	if len(d.Spec.Objectives) != 1 {
		return r.errorAt(fmt.Errorf("want one objective, found %d", len(d.Spec.Objectives)), "spec", "objectives")
	}
	switch o := d.Spec.Objectives[0]; {
	case o.Target != nil:
		s.Objective = ratOf(*o.Target)
	case o.TargetPercent != nil:
		s.Objective = new(big.Rat).Quo(ratOf(*o.TargetPercent), big.NewRat(100, 1))
	}
	if s.Objective.Sign() <= 0 {
		return r.errorAt(errors.New("the target must be above 0"), "spec", "objectives")
	}
	return nil
}

func (r reader) indicator(s *SLO, d v1.SLO) error {
	path := []string{"spec", "indicator", "spec", "ratioMetric"}
	if d.Spec.Indicator == nil || d.Spec.Indicator.Spec.RatioMetric == nil {
		return r.errorAt(errors.New("want an inline indicator with a ratioMetric of bad and total"), path...)
	}
	ratio := d.Spec.Indicator.Spec.RatioMetric
	if !ratio.Counter {
		return r.errorAt(errors.New("want counter: true: events are counted by counters"), append(path, "counter")...)
	}
	if ratio.Bad == nil || ratio.Total == nil {
		return r.errorAt(errors.New("want bad and total: a budget is spent by bad events"), path...)
	}
	var errBad, errTotal error
	s.Bad, errBad = r.selector(ratio.Bad.MetricSource, append(slices.Clone(path), "bad")...)
	s.Total, errTotal = r.selector(ratio.Total.MetricSource, append(slices.Clone(path), "total")...)
	return errors.Join(errBad, errTotal)
}

// selector reads a query that selects counters. The compiler wraps it in increase() over each window, so it may hold
// neither a range nor a function.
func (r reader) selector(source v1.SLIMetricSource, path ...string) (*parser.VectorSelector, error) {
	path = append(path, "metricSource")
	if !strings.EqualFold(source.Type, "Prometheus") {
		return nil, r.errorAt(fmt.Errorf("type %q: only Prometheus is supported", source.Type), path...)
	}
	path = append(path, "spec", "query")
	query, ok := source.Spec["query"].(string)
	if !ok {
		return nil, r.errorAt(errors.New("want a PromQL selector"), path...)
	}
	expr, err := newParser().ParseExpr(query)
	if err != nil {
		return nil, r.errorAt(err, path...)
	}
	selector, ok := expr.(*parser.VectorSelector)
	if !ok || selector.OriginalOffset != 0 || selector.Timestamp != nil || selector.StartOrEnd != 0 {
		return nil, r.errorAt(fmt.Errorf("%q is not a plain selector of counters such as requests_total{code=~\"5..\"}; windows, sums "+
			"and increase() are added when the SLO is compiled", query), path...)
	}
	return selector, nil
}
