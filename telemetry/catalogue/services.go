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
	return Catalogue{Resource: append(resource(), revision)}.With(Catalogue{
		Metrics: slices.Concat(httpMetrics(), httpClientMetrics(), databaseMetrics(), exportMetrics()),
		Spans:   slices.Concat(httpSpans(), httpClientSpans(), databaseSpans()),
		Lines:   slices.Concat(httpLines(), databaseLines(), collectorLines(spansDropped, linesDropped), trackerLines(), []Line{metricsNotSent}),
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

// Probe returns what `lookout probe` emits.
func Probe() Catalogue {
	return Catalogue{Resource: resource()}.With(Catalogue{Spans: httpClientSpans()}).With(probe())
}

// probe is what of it is the probe's alone.
func probe() Catalogue {
	return Catalogue{
		Metrics: probeMetrics(), Spans: probeSpans(), Lines: slices.Concat(probeLines(), collectorLines(spansDropped), []Line{metricsNotSent}),
	}
}

// Pager returns what `lookout pager` emits.
func Pager() Catalogue {
	return Catalogue{}.With(Catalogue{Metrics: pagerMetrics(), Lines: pagerLines()})
}

// Stack returns what `lookout up` emits.
func Stack() Catalogue {
	return Catalogue{}.With(Catalogue{Metrics: componentMetrics(), Lines: stackLines()})
}

// Home returns what `lookout home` emits.
func Home() Catalogue { return Catalogue{}.With(Catalogue{Lines: homeLines()}) }

// Programs returns what each of our own programs that are scraped emits, by the name of its scrape job.
func Programs() map[string]Catalogue {
	return map[string]Catalogue{"server": Market(), "probe": Probe(), "pager": Pager(), "lookout": Stack()}
}

// All returns all that our own programs emit.
func All() Catalogue { return Market().With(probe()).With(Pager()).With(Stack()).With(Home()) }

// With returns the catalogue with what the other declares as well. A span of a name and kind that are declared already is the
// same span: what is said of it is added. A line of a message that is declared already is the same line.
func (c Catalogue) With(other Catalogue) Catalogue {
	both := Catalogue{
		Metrics:  slices.Concat(c.Metrics, other.Metrics),
		Spans:    joinSpans(c.Spans, other.Spans),
		Lines:    slices.Concat(c.Lines, other.Lines),
		Resource: slices.Concat(c.Resource, other.Resource),
	}
	slices.SortFunc(both.Metrics, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(both.Spans, func(a, b Span) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(both.Lines, func(a, b Line) int { return cmp.Compare(a.Message, b.Message) })
	both.Lines = slices.CompactFunc(both.Lines, func(a, b Line) bool { return a.Message == b.Message })
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
