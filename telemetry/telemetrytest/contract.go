package telemetrytest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/inventory"
)

// Contract compares what a service emitted with what its catalogue declares, both ways. Give it what was seen, and ask
// for Undeclared and Missing.
type Contract struct {
	Declared catalogue.Catalogue
	// Known says of a metric that the catalogue does not declare that it is of a library, such as the Go runtime's. nil: none is.
	Known func(metric string) bool

	// Bounds are of the labels of which only the service knows what is within their Bound.
	Bounds Bounds

	problems map[string]bool
	metrics  metricsSeen
	spans    map[spanKey]*spanSeen
	written  linesSeen
	exported linesSeen

	resource       map[string]bool
	resourceOfLogs map[string]bool
}

// Bounds say of values, by the name of the label, whether they are within what bounds it.
type Bounds map[string]func(value string) bool

// OneOf is a bound that has these values.
func OneOf(values ...string) func(value string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

// NewContract returns a contract that has seen nothing. That each label is bounded is a part of it.
func NewContract(declared catalogue.Catalogue, known func(metric string) bool, bounds Bounds) *Contract {
	c := &Contract{
		Declared: declared, Known: known, Bounds: bounds, problems: map[string]bool{}, metrics: metricsSeen{}, spans: map[spanKey]*spanSeen{},
		written: linesSeen{}, exported: linesSeen{}, resource: map[string]bool{}, resourceOfLogs: map[string]bool{},
	}
	for _, m := range declared.Metrics {
		for _, l := range m.Labels {
			if (l.Bound == "") == (len(l.Values) == 0) {
				c.problem("label %s of metric %s is declared neither with its values nor with what bounds them, or with both", l.Name, m.Name)
			}
			if l.Bound != "" && l.Within == nil && bounds[l.Name] == nil {
				c.problem("label %s of metric %s: nobody says which values are within %q: give the contract its Bounds", l.Name, m.Name, l.Bound)
			}
		}
	}
	return c
}

// OfLibraries knows the metrics that the program of a scrape job has of the Go runtime and of libraries, by the inventory.
func OfLibraries(tb testing.TB, job string) func(metric string) bool {
	tb.Helper()
	programs, err := inventory.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return func(metric string) bool {
		return slices.ContainsFunc(programs, func(p inventory.Program) bool {
			return p.Job == job && slices.ContainsFunc(p.Metrics, func(m inventory.Metric) bool { return m.Name == metric })
		})
	}
}

// Check fails the test for all that was seen and is not declared, and for all that is declared and was not seen. Excused is, by
// its name in Missing and with the reason, what is never seen, which fails the test when it is seen after all, and the values of
// labels that are seen by luck.
func (c *Contract) Check(tb testing.TB, never, byLuck map[string]string) {
	tb.Helper()
	for _, undeclared := range c.Undeclared() {
		tb.Errorf("emitted, and not as declared: %s", undeclared)
	}
	missing := c.Missing()
	for _, name := range missing {
		if never[name] == "" && byLuck[name] == "" {
			tb.Errorf("declared, and not emitted: %s", name)
		}
	}
	for name := range never {
		if !slices.Contains(missing, name) {
			tb.Errorf("said never to be seen, and seen after all, or not declared: %s", name)
		}
	}
	for name := range byLuck {
		if !slices.Contains(c.values(), name) {
			tb.Errorf("said to be seen by luck, and not declared: %s", name)
		}
	}
}

func (c *Contract) problem(format string, args ...any) {
	c.problems[fmt.Sprintf(format, args...)] = true
}

// Undeclared returns what was seen and is not as the catalogue declares it.
func (c *Contract) Undeclared() []string { return slices.Sorted(maps.Keys(c.problems)) }

// Missing returns what the catalogue declares and was not seen.
func (c *Contract) Missing() []string {
	missing := slices.Concat(c.missingMetrics(), c.missingSpans(), c.missingLines())
	for _, name := range namesMissing(c.Declared.Resource, c.resource) {
		missing = append(missing, "resource attribute "+name+" of spans")
	}
	if len(c.exported) > 0 {
		for _, name := range namesMissing(c.Declared.Resource, c.resourceOfLogs) {
			missing = append(missing, "resource attribute "+name+" of exported log lines")
		}
	}
	return missing
}
