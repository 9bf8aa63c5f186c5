package telemetry

import (
	"math"
	"strconv"
)

// outcome is how a request ended, as its labels say it.
type outcome struct {
	status    int
	errorType string
}

// seriesSet holds the duration series of one route, one for each outcome seen or declared. Reading takes no lock.
type seriesSet = table[outcome, *TracedSeries]

func (h *httpInstruments) series(r *route, o outcome) *TracedSeries {
	series, _ := r.series.get(o, math.MaxInt, func(o outcome) *TracedSeries {
		return h.duration.WithLabelValues(r.method, r.label(), strconv.Itoa(o.status), o.errorType)
	})
	return series
}
