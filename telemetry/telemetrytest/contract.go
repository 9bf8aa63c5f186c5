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

	problems map[string]bool
	metrics  metricsSeen
	spans    map[spanKey]*spanSeen
	written  linesSeen
	exported linesSeen

	resource       map[string]bool
	resourceOfLogs map[string]bool
}

// NewContract returns a contract that has seen nothing. That each label is bounded is a part of it.
func NewContract(declared catalogue.Catalogue, known func(metric string) bool) *Contract {
	c := &Contract{
		Declared: declared, Known: known, problems: map[string]bool{}, metrics: metricsSeen{}, spans: map[spanKey]*spanSeen{},
		written: linesSeen{}, exported: linesSeen{}, resource: map[string]bool{}, resourceOfLogs: map[string]bool{},
	}
	for _, m := range declared.Metrics {
		for _, l := range m.Labels {
			if (l.Bound == "") == (len(l.Values) == 0) {
				c.problem("label %s of metric %s is declared neither with its values nor with what bounds them, or with both", l.Name, m.Name)
			}
		}
	}
	return c
}

// OfLibraries knows the metrics that the program of a scrape job has of the Go runtime and of libraries, by the inventory.
func OfLibraries(t testing.TB, job string) func(metric string) bool {
	t.Helper()
	programs, err := inventory.Load()
	if err != nil {
		t.Fatal(err)
	}
	return func(metric string) bool {
		return slices.ContainsFunc(programs, func(p inventory.Program) bool {
			return p.Job == job && slices.ContainsFunc(p.Metrics, func(m inventory.Metric) bool { return m.Name == metric })
		})
	}
}

// Check fails the test for all that was seen and is not declared, and for all that is declared, was not seen, and is not among
// the unseen, by its name in Missing with the reason. What is among them and was seen after all fails it too.
func (c *Contract) Check(t testing.TB, unseen map[string]string) {
	t.Helper()
	for _, undeclared := range c.Undeclared() {
		t.Errorf("emitted, and not as declared: %s", undeclared)
	}
	missing := c.Missing()
	for _, name := range missing {
		if unseen[name] == "" {
			t.Errorf("declared, and not emitted: %s", name)
		}
	}
	for name := range unseen {
		if !slices.Contains(missing, name) {
			t.Errorf("said never to be seen, and seen after all, or not declared: %s", name)
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
