package telemetrytest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/farmersmarket/platform/telemetry/catalogue"
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

// NewContract returns a contract that has seen nothing.
func NewContract(declared catalogue.Catalogue, known func(metric string) bool) *Contract {
	return &Contract{
		Declared: declared, Known: known, problems: map[string]bool{}, metrics: metricsSeen{}, spans: map[spanKey]*spanSeen{},
		written: linesSeen{}, exported: linesSeen{}, resource: map[string]bool{}, resourceOfLogs: map[string]bool{},
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
