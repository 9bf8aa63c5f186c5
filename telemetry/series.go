package telemetry

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// exemplarInterval bounds how often one bucket of one series takes a new exemplar. Prometheus keeps one a scrape, so a
// second is enough, and under load almost every request is spared the cost of making one.
const exemplarInterval = time.Second

// outcome is how a request ended, as its labels say it.
type outcome struct {
	status    int
	errorType string
}

// seriesSet holds the duration series of one route, one for each outcome seen or declared. Reading takes no lock.
type seriesSet struct {
	current atomic.Pointer[map[outcome]*durationSeries]
	mu      sync.Mutex
}

// observer is what client_golang's histograms can do.
type observer interface {
	prometheus.Observer
	prometheus.ExemplarObserver
}

// durationSeries is one series of the request duration histogram.
type durationSeries struct {
	histogram    observer
	nextExemplar []atomic.Int64 // per bucket: the Unix time in ns from which it takes one
}

// get returns the series of an outcome, making it when it is the first of its kind.
func (s *seriesSet) get(o outcome, create func(outcome) *durationSeries) *durationSeries {
	if known := s.current.Load(); known != nil {
		if series := (*known)[o]; series != nil {
			return series
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[outcome]*durationSeries{}
	if known := s.current.Load(); known != nil {
		if series := (*known)[o]; series != nil {
			return series
		}
		next = maps.Clone(*known)
	}
	next[o] = create(o)
	s.current.Store(&next)
	return next[o]
}

func newDurationSeries(histogram *prometheus.HistogramVec, method, route string, o outcome) *durationSeries {
	return &durationSeries{
		histogram:    histogram.WithLabelValues(method, route, strconv.Itoa(o.status), o.errorType).(observer), //nolint:errcheck // it is one
		nextExemplar: make([]atomic.Int64, len(catalogue.HTTPServerRequestDuration.Buckets)+1),
	}
}

// observe records a duration. A sampled request becomes the exemplar of its bucket when that is due for a new one: it
// reports whether it has.
func (s *durationSeries) observe(duration time.Duration, end time.Time, sc trace.SpanContext) (exemplar bool) {
	seconds := duration.Seconds()
	if sc.IsSampled() && s.takesExemplar(seconds, end) {
		s.histogram.ObserveWithExemplar(seconds, prometheus.Labels{
			"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String(),
		})
		return true
	}
	s.histogram.Observe(seconds)
	return false
}

func (s *durationSeries) takesExemplar(seconds float64, now time.Time) bool {
	bucket := 0
	for bucket < len(s.nextExemplar)-1 && seconds > catalogue.HTTPServerRequestDuration.Buckets[bucket] {
		bucket++
	}
	due := s.nextExemplar[bucket].Load()
	return now.UnixNano() >= due &&
		s.nextExemplar[bucket].CompareAndSwap(due, now.Add(exemplarInterval).UnixNano())
}
