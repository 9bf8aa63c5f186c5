package telemetry

import (
	"context"
	"fmt"
	"strings"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// ErrorEvent is a failure that somebody has to look into: a request that was answered with a 5xx, a background job that
// failed, an invariant that does not hold.
type ErrorEvent struct {
	Category string // one of the error categories of the catalogue
	Route    string // method and route template of the request; empty outside of one
	Status   int    // of the answer; 0 outside of a request
	Job      string // background job; empty in a request
	Err      error  // a *PanicError for a panic
}

// OnError has every failure told to report, which must return at once. It must be called before the first request.
// Deliberate faults, and clients that went away, are no failures.
func (t *Telemetry) OnError(report func(context.Context, ErrorEvent)) { t.onError = report }

// ReportError tells of a failure outside of a request. Those of requests are told of by themselves.
func (t *Telemetry) ReportError(ctx context.Context, event ErrorEvent) { t.onError(ctx, event) }

// The stack of a panic that is told of: at most so many frames, and none of runtime.Callers and newPanicError.
const (
	maxFrames      = 64
	callersSkipped = 2
)

// Recovered makes an error of what recover returned. It is to be called by the function that recovers.
func Recovered(value any) *PanicError { return newPanicError(value) }

// StackTrace returns the program counters of the stack, innermost first, as error trackers read it.
func (e *PanicError) StackTrace() []uintptr { return e.frames }

// reportError tells of a request that failed through a fault of ours.
func (h *httpInstruments) reportError(x *exchange, o outcome) {
	if !o.failed() || x.quietly(o) || x.fault != "" || o.errorType == catalogue.ErrorCanceled {
		return
	}
	err := x.err
	if err == nil {
		err = fmt.Errorf("answered with %d", o.status)
	}
	h.telemetry.onError(x, ErrorEvent{
		Category: o.errorType, Route: strings.TrimSpace(x.route.method + " " + x.route.label()), Status: o.status, Err: err,
	})
}
