package telemetry

import (
	"context"
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
)

// profileLabel is the pprof label of the work for a sampled request.
const profileLabel = "trace_id"

// ProfileHandler serves CPU profiles, as net/http/pprof's Profile does, in which the work for sampled requests is
// labelled with their trace ids: `go tool pprof -tagfocus trace_id=…`. Requests are labelled only while one is taken.
func (t *Telemetry) ProfileHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.http.profiles.Add(1)
		defer t.http.profiles.Add(-1)
		pprof.Profile(w, r)
	})
}

// label puts the trace id on the goroutine that handles a sampled request, and on those that it starts, while a profile
// is taken. It returns what takes the label off again; nil when there is none.
func (h *httpInstruments) label(x *exchange) (unlabel func()) {
	if h.profiles.Load() == 0 || !x.span.SpanContext().IsSampled() {
		return nil
	}
	before := x.Context
	x.Context = runtimepprof.WithLabels(before, runtimepprof.Labels(profileLabel, x.span.SpanContext().TraceID().String()))
	runtimepprof.SetGoroutineLabels(x.Context)
	return func() { runtimepprof.SetGoroutineLabels(context.Background()) } // a connection's goroutine has no others
}
