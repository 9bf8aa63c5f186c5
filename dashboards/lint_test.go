package dashboards_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/units"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/inventory"
)

// The rules of grafana/dashboard-linter, over what we generate. Each returns what is wrong, in words. The one exception
// we take (see json/.lint): series of SLO recording rules are sums over jobs and instances, and are selected by slo.
var rules = map[string]func(board) []string{
	"template-datasource-rule: the data source is a variable":                   dataSourceVariable,
	"template-job-rule, template-instance-rule: job and instance are variables": jobAndInstanceVariables,
	"template-on-time-change-reload-rule: variables follow the time range":      variablesReload,
	"template-label-promql-rule: variable queries parse":                        variableQueriesParse,
	"panel-datasource-rule: panels use the data source variable":                panelsUseVariable,
	"panel-title-description-rule: panels have a title and a description":       panelsExplained,
	"panel-units-rule: panels have a unit that Grafana knows":                   panelsHaveUnits,
	"panel-no-targets-rule: panels query something":                             panelsQuery,
	"target-promql-rule: expressions parse":                                     eachExpr(parses),
	"target-rate-interval-rule: rates are over $__rate_interval":                eachExpr(rateInterval),
	"target-job-rule, target-instance-rule: selectors use job and instance":     eachExpr(jobAndInstance),
	"target-counter-agg-rule: counters are read through rate or increase":       eachExpr(countersRated),
}

func TestDashboardLinterRules(t *testing.T) {
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, b := range boards(t) {
				require.Empty(t, rule(b))
			}
		})
	}
}

func TestLinterRulesFindMistakes(t *testing.T) {
	cases := map[string]struct {
		rule  func(string) []string
		wrong string
		right string
	}{
		"an expression that does not parse":     {parses, `sum(up{`, `sum(up)`},
		"a fixed range":                         {rateInterval, `rate(a_total[5m])`, `rate(a_total[$__rate_interval])`},
		"a selector without instance":           {jobAndInstance, `up{job=~"$job"}`, `up{job=~"$job",instance=~"$instance"}`},
		"an SLO series without its SLO":         {jobAndInstance, `slo:objective:ratio`, `slo:objective:ratio{slo="$slo"}`},
		"a bare counter":                        {countersRated, `sum(a_total)`, `sum(rate(a_total[$__rate_interval]))`},
		"a counter in a function that is wrong": {countersRated, `delta(a_total[1m])`, `increase(a_total[1m])`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, c.rule(c.wrong))
			require.Empty(t, c.rule(c.right))
		})
	}
}

// recorded returns the labels of the series of programs that are not ours to declare, by name.
func recorded(t *testing.T) map[string][]string {
	t.Helper()
	programs, err := inventory.Load()
	require.NoError(t, err)
	labels := map[string][]string{}
	for _, program := range programs {
		for _, m := range program.Metrics {
			for _, series := range m.Series() {
				labels[series] = append(labels[series], append(m.SeriesLabels(series), "probe")...) // as compose/prometheus/targets adds
			}
		}
	}
	return labels
}

func TestEveryMetricIsKnown(t *testing.T) {
	others := recorded(t)
	// Not ours to declare: Prometheus's own, the Go and process collectors', and the recording rules'.
	foreign := regexp.MustCompile(`^(up|scrape_.*|go_.*|process_.*|slo:.*)$`)
	for _, b := range boards(t) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				for _, s := range selectors(t, q.Expr) {
					if foreign.MatchString(s.Name) {
						continue
					}
					allowed, known := others[s.Name]
					if metric, declared := catalogue.Lookup(s.Name); declared {
						allowed, known = append(allowed, metric.SeriesLabels(s.Name)...), true
					}
					require.True(t, known, "%q queries %s, which neither catalogue nor inventory has", p.Title, s.Name)
					allowed = append(allowed, model.MetricNameLabel, "job", "instance")
					for _, m := range s.LabelMatchers {
						require.Contains(t, allowed, m.Name, "%q selects %s by a label that it lacks", p.Title, s.Name)
					}
				}
			}
		}
	}
}

func dataSourceVariable(b board) []string {
	for _, v := range b.Templating.List {
		if v.Name == "datasource" && v.Type == "datasource" && v.Query == "prometheus" && v.Label == "Data source" {
			return nil
		}
	}
	return []string{"no variable named datasource, labelled Data source, of type prometheus"}
}

func jobAndInstanceVariables(b board) []string {
	var wrong []string
	for _, name := range []string{"job", "instance"} {
		i := slices.IndexFunc(b.Templating.List, func(v variable) bool { return v.Name == name })
		if i < 0 {
			wrong = append(wrong, "no variable "+name)
			continue
		}
		v := b.Templating.List[i]
		label := strings.ToUpper(name[:1]) + name[1:]
		if v.Type != "query" || !v.Multi || v.AllValue != ".+" || v.Label != label || v.Datasource.UID != "${datasource}" {
			wrong = append(wrong, fmt.Sprintf("variable %s: %+v", name, v))
		}
	}
	return wrong
}

func variablesReload(b board) []string {
	var wrong []string
	for _, v := range b.Templating.List {
		if v.Type == "query" && v.Refresh != 2 {
			wrong = append(wrong, v.Name)
		}
	}
	return wrong
}

func variableQueriesParse(b board) []string {
	labelValues := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	var wrong []string
	for _, v := range b.Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := labelValues.FindStringSubmatch(fmt.Sprint(v.Query))
		if len(parts) != 3 || len(parses(parts[1])) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %v", v.Name, v.Query))
		}
	}
	return wrong
}

func panelsUseVariable(b board) []string {
	return eachPanel(b, func(p panel) bool { return p.Datasource == reference{Type: "prometheus", UID: "${datasource}"} })
}

func panelsExplained(b board) []string {
	return eachPanel(b, func(p panel) bool { return p.Title != "" && strings.HasSuffix(p.Description, ".") })
}

func panelsHaveUnits(b board) []string {
	known := []string{
		units.Seconds, units.PercentUnit, units.RequestsPerSecond, units.OpsPerSecond, units.BytesIEC,
		units.BytesPerSecondIEC, units.Short, units.NoUnit,
	}
	return eachPanel(b, func(p panel) bool { return slices.Contains(known, p.FieldConfig.Defaults.Unit) })
}

func panelsQuery(b board) []string {
	return eachPanel(b, func(p panel) bool { return len(p.Targets) > 0 })
}

func eachPanel(b board, good func(panel) bool) []string {
	var wrong []string
	for _, p := range b.Panels {
		if p.Type != "row" && !good(p) {
			wrong = append(wrong, p.Title)
		}
	}
	return wrong
}

func eachExpr(rule func(string) []string) func(board) []string {
	return func(b board) []string {
		var wrong []string
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				for _, problem := range rule(q.Expr) {
					wrong = append(wrong, p.Title+": "+problem)
				}
			}
		}
		return wrong
	}
}

// marker stands for Grafana's ranges in what the parser sees; no one writes such a range by hand.
const marker = "11m11s"

func parse(expr string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(
		strings.NewReplacer("$__rate_interval", marker, "$__range", marker).Replace(expr))
}

func parses(expr string) []string {
	if _, err := parse(expr); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func rateInterval(expr string) []string {
	var wrong []string
	for _, call := range regexp.MustCompile(`\bi?rate\(.*?\[([^]]+)\]`).FindAllStringSubmatch(expr, -1) {
		if call[1] != "$__rate_interval" {
			wrong = append(wrong, call[0])
		}
	}
	return wrong
}

func jobAndInstance(expr string) []string {
	var wrong []string
	inspect(expr, func(s *parser.VectorSelector, _ []parser.Node) {
		needed := map[string]string{"job": "$job", "instance": "$instance"}
		if strings.HasPrefix(s.Name, "slo:") {
			needed = map[string]string{"slo": "$slo"}
		}
		for name, value := range needed {
			matches := func(m *labels.Matcher) bool { return m.Name == name && m.Value == value }
			if !slices.ContainsFunc(s.LabelMatchers, matches) {
				wrong = append(wrong, s.String()+" does not select by "+name)
			}
		}
	})
	return wrong
}

func countersRated(expr string) []string {
	var wrong []string
	inspect(expr, func(s *parser.VectorSelector, parents []parser.Node) {
		if !strings.HasSuffix(s.Name, "_total") {
			return
		}
		if n := len(parents); n >= 2 {
			call, isCall := parents[n-2].(*parser.Call)
			if isCall && slices.Contains([]string{"rate", "irate", "increase"}, call.Func.Name) {
				return
			}
		}
		wrong = append(wrong, s.Name)
	})
	return wrong
}

func inspect(expr string, visit func(*parser.VectorSelector, []parser.Node)) {
	tree, err := parse(expr)
	if err != nil {
		return // another rule's business
	}
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			visit(s, path)
		}
		return nil
	})
}

func selectors(t *testing.T, expr string) []*parser.VectorSelector {
	t.Helper()
	require.Empty(t, parses(expr))
	var found []*parser.VectorSelector
	inspect(expr, func(s *parser.VectorSelector, _ []parser.Node) { found = append(found, s) })
	require.NotEmpty(t, found, expr)
	return found
}
