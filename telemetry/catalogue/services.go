package catalogue

import (
	"cmp"
	"slices"
)

// Catalogue is what one service emits. Each part is sorted by name.
type Catalogue struct {
	Metrics  []Metric
	Spans    []Span
	Lines    []Line      // of the log
	Resource []Attribute // of all spans and exported log lines
}

// Common returns what package telemetry emits in every service that has it.
func Common() Catalogue {
	return Catalogue{Resource: resource()}.With(Catalogue{
		Metrics: slices.Concat(httpMetrics(), httpClientMetrics(), databaseMetrics(), exportMetrics()),
		Spans:   slices.Concat(httpSpans(), httpClientSpans(), databaseSpans()),
		Lines:   slices.Concat(httpLines(), databaseLines(), exportLines()),
	})
}

// Market returns all that the market's API emits.
func Market() Catalogue {
	return Common().With(Catalogue{
		Metrics: slices.Concat(
			serviceMetrics(), marketMetrics(), accountMetrics(), paymentMetrics(), cacheMetrics(), rateLimitMetrics(),
			imageMetrics(), browserMetrics(),
		),
		Spans: slices.Concat(jobSpans(), cacheSpans(), paymentSpans(), imageSpans(), browserSpans()),
		Lines: slices.Concat(serviceLines(), jobLines(), paymentLines(), browserLines()),
	})
}

// Probe returns what `lookout probe` exports.
func Probe() Catalogue {
	return Catalogue{Resource: resource()}.With(Catalogue{Metrics: probeMetrics(), Spans: slices.Concat(httpClientSpans(), probeSpans())})
}

// Pager returns what `lookout pager` exports.
func Pager() Catalogue { return Catalogue{}.With(Catalogue{Metrics: pagerMetrics()}) }

// Stack returns what `lookout up` exports.
func Stack() Catalogue { return Catalogue{}.With(Catalogue{Metrics: componentMetrics()}) }

// Programs returns what each of our own programs exports, by the name of its scrape job.
func Programs() map[string]Catalogue {
	return map[string]Catalogue{"server": Market(), "probe": Probe(), "pager": Pager(), "lookout": Stack()}
}

// All returns all that our own programs export.
func All() Catalogue {
	return Market().With(Catalogue{Spans: probeSpans()}).With(Catalogue{Metrics: probeMetrics()}).With(Pager()).With(Stack())
}

// With returns the catalogue with what the other declares as well. A span of a name and kind that are declared already is the
// same span: what is said of it is added.
func (c Catalogue) With(other Catalogue) Catalogue {
	both := Catalogue{
		Metrics:  slices.Concat(c.Metrics, other.Metrics),
		Spans:    joinSpans(c.Spans, other.Spans),
		Lines:    slices.Concat(c.Lines, other.Lines),
		Resource: slices.Concat(c.Resource, other.Resource),
	}
	slices.SortFunc(both.Metrics, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(both.Spans, func(a, b Span) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(both.Lines, func(a, b Line) int { return cmp.Compare(a.Message, b.Message) })
	return both
}

func joinSpans(spans, more []Span) []Span {
	joined := slices.Clone(spans)
	for _, span := range more {
		same := func(s Span) bool { return s.Name == span.Name && s.Kind == span.Kind }
		if i := slices.IndexFunc(joined, same); i >= 0 {
			joined[i] = joined[i].with(span)
			continue
		}
		joined = append(joined, span)
	}
	return joined
}
