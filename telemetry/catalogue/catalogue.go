// Package catalogue declares every metric, span and log line that the platform's programs emit. It is the contract
// between the service, which can make instruments only from these declarations, and the dashboards, alert rules and
// SLOs, which refer to them. A metric is named here once and nowhere else. Another service declares its own with the same
// types, beside what is Common.
package catalogue

import "slices"

// Type is a Prometheus metric type.
type Type string

// The metric types in use.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Stability says how far a name may be relied upon. Stable names change only with a major version.
type Stability string

// The stability levels, named as OpenTelemetry names them.
const (
	Stable      Stability = "stable"
	Development Stability = "development"
)

// Label is one dimension of a metric. Its set of values is bounded: either listed in Values, or bounded by what Bound
// says (for example "the registered routes"). A test can ask Within whether a value is within the Bound; where that is nil only
// the service knows, and its test says it.
type Label struct {
	Name   string
	Help   string
	Values []string
	Bound  string
	Within func(value string) bool
	// ErrorTypes are the error categories of those Values that are failures.
	ErrorTypes map[string]string
}

// Metric declares one Prometheus metric family.
type Metric struct {
	Name      string // as exposed, with unit and type suffix
	Help      string
	Type      Type
	Unit      string // a Prometheus base unit: seconds, bytes, ratio; empty for plain counts
	Labels    []Label
	Buckets   []float64 // upper bounds in Unit; histograms only
	Stability Stability
}

// LabelNames returns the names of the metric's labels in declaration order, which is the order instruments take values in.
func (m Metric) LabelNames() []string {
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return names
}

// Series returns the names of the series under which the metric can be queried: for a histogram its _bucket, _sum and
// _count, else its own name.
func (m Metric) Series() []string {
	if m.Type == Histogram {
		return []string{m.Bucket(), m.Sum(), m.Count()}
	}
	return []string{m.Name}
}

// Bucket is the name of a histogram's bucket series.
func (m Metric) Bucket() string { return m.Name + "_bucket" }

// Sum is the name of a histogram's sum series.
func (m Metric) Sum() string { return m.Name + "_sum" }

// Count is the name of a histogram's count series.
func (m Metric) Count() string { return m.Name + "_count" }

// SeriesLabels returns the labels that a series of the metric carries; "le" is added for buckets.
func (m Metric) SeriesLabels(series string) []string {
	names := m.LabelNames()
	if m.Type == Histogram && series == m.Bucket() {
		names = append(names, "le")
	}
	return names
}

// Lookup finds the metric of one of our programs that a series name belongs to.
func Lookup(series string) (Metric, bool) {
	for _, m := range All().Metrics {
		if slices.Contains(m.Series(), series) {
			return m, true
		}
	}
	return Metric{}, false
}
