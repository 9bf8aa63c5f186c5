package catalogue

import (
	"cmp"
	"slices"
)

// Catalogue is what one service emits. Each part is sorted by name.
type Catalogue struct {
	Metrics  []Metric
	Spans    []Span
	Fields   []Field     // of log lines
	Resource []Attribute // of all spans and exported log lines
}

// Common returns what package telemetry emits in every service that has it.
func Common() Catalogue {
	return Catalogue{Resource: resource()}.With(Catalogue{
		Metrics: slices.Concat(httpMetrics(), httpClientMetrics(), databaseMetrics(), exportMetrics()),
		Spans:   slices.Concat(httpSpans(), httpClientSpans(), databaseSpans()),
		Fields:  slices.Concat(commonFields(), httpFields(), databaseFields(), exportFields()),
	})
}

// Market returns all that the market's API emits.
func Market() Catalogue {
	return Common().With(Catalogue{
		Metrics: slices.Concat(
			serviceMetrics(), marketMetrics(), accountMetrics(), paymentMetrics(), cacheMetrics(), rateLimitMetrics(),
			imageMetrics(), browserMetrics(),
		),
		Spans:  slices.Concat(jobSpans(), cacheSpans(), paymentSpans(), imageSpans()),
		Fields: slices.Concat(serviceFields(), paymentFields(), browserFields()),
	})
}

// Probe returns what `lookout probe` exports. Its metrics are recorded in the inventory.
func Probe() Catalogue {
	return Catalogue{Resource: resource()}.With(Catalogue{Spans: slices.Concat(httpClientSpans(), probeSpans())})
}

// All returns all that our own programs export.
func All() Catalogue { return Market().With(Catalogue{Spans: probeSpans()}) }

// With returns the catalogue with what the other declares as well.
func (c Catalogue) With(other Catalogue) Catalogue {
	both := Catalogue{
		Metrics:  slices.Concat(c.Metrics, other.Metrics),
		Spans:    slices.Concat(c.Spans, other.Spans),
		Fields:   slices.Concat(c.Fields, other.Fields),
		Resource: slices.Concat(c.Resource, other.Resource),
	}
	slices.SortFunc(both.Metrics, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(both.Spans, func(a, b Span) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(both.Fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return both
}
