package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// ServerTiming returns the value of the Server-Timing header that tells a page which trace it was made in, so that what
// the browser does next can join it: its navigation timing has the header. It is empty outside of a trace. Send it only
// with answers that nobody keeps for others: a trace is of one visit.
func ServerTiming(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return `traceparent;desc="00-` + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String() + `"`
}
