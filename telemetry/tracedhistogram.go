package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// exemplarInterval bounds how often one bucket of one series takes a new exemplar. Prometheus keeps one a scrape, so a
// second is enough, and under load almost every request is spared the cost of making one.
const exemplarInterval = time.Second

// TracedHistogram is a histogram that points to the traces of some of what it measures. It is safe for concurrent use.
type TracedHistogram struct {
	vector *prometheus.HistogramVec
	bounds []float64
	series sync.Map // of *TracedSeries, by the prometheus.Observer of each
}

// TracedHistogram makes the histogram that m declares, for what is measured in spans.
func (s *Metrics) TracedHistogram(m catalogue.Metric) *TracedHistogram {
	return &TracedHistogram{vector: s.Histogram(m), bounds: m.Buckets}
}

// WithLabelValues returns the series with these values of the labels, in the order of their declaration. It makes one that
// there is not.
func (h *TracedHistogram) WithLabelValues(values ...string) *TracedSeries {
	histogram := h.vector.WithLabelValues(values...)
	known, ok := h.series.Load(histogram)
	if !ok {
		known, _ = h.series.LoadOrStore(histogram, &TracedSeries{
			histogram:    histogram.(observer), //nolint:errcheck // it is one
			bounds:       h.bounds,
			nextExemplar: make([]atomic.Int64, len(h.bounds)+1),
		})
	}
	return known.(*TracedSeries) //nolint:errcheck // there are no others
}

// observer is what client_golang's histograms can do.
type observer interface {
	prometheus.Observer
	prometheus.ExemplarObserver
}

// TracedSeries is one series of a TracedHistogram.
type TracedSeries struct {
	histogram    observer
	bounds       []float64
	nextExemplar []atomic.Int64 // per bucket: the Unix time in ns from which it takes one
}

// Observe records what was measured in the span, in the metric's unit. A span that is recorded, and has not ended, becomes the
// exemplar of its bucket when that is due for a new one; it then says so itself, by which the collector knows that its trace
// must be kept.
func (s *TracedSeries) Observe(span trace.Span, value float64) { s.observeAt(span, value, time.Now()) }

func (s *TracedSeries) observeAt(span trace.Span, value float64, at time.Time) {
	if !span.IsRecording() {
		s.histogram.Observe(value)
		return
	}
	if s.observe(span.SpanContext(), value, at) {
		span.SetAttributes(attribute.Bool(catalogue.Exemplar, true))
	}
}

// observe records a value, and reports whether the span has become an exemplar. If so it has to be told.
func (s *TracedSeries) observe(sc trace.SpanContext, value float64, at time.Time) (exemplar bool) {
	if sc.IsSampled() && s.takesExemplar(value, at) {
		s.histogram.ObserveWithExemplar(value, prometheus.Labels{
			"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String(),
		})
		return true
	}
	s.histogram.Observe(value)
	return false
}

func (s *TracedSeries) takesExemplar(value float64, now time.Time) bool {
	bucket, _ := slices.BinarySearch(s.bounds, value)
	due := s.nextExemplar[bucket].Load()
	return now.UnixNano() >= due &&
		s.nextExemplar[bucket].CompareAndSwap(due, now.Add(exemplarInterval).UnixNano())
}
