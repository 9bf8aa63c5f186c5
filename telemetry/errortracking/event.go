package errortracking

import (
	"context"
	"errors"
	"strconv"

	"github.com/getsentry/sentry-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// longestMessage bounds an error's text, in bytes.
const longestMessage = 4 << 10

// kindOf groups failures: those of a kind are one issue in Sentry.
func kindOf(failure telemetry.ErrorEvent) [2]string {
	return [2]string{failure.Category, where(failure)}
}

func where(failure telemetry.ErrorEvent) string {
	if failure.Job != "" {
		return "job " + failure.Job
	}
	return failure.Route
}

// newEvent describes a failure: what went wrong and where, and the trace that shows how. It has nothing of the request
// but its route. suppressed is how many of its kind were not sent since the last.
func newEvent(ctx context.Context, failure telemetry.ErrorEvent, suppressed int) *sentry.Event {
	kind := kindOf(failure)
	event := sentry.NewEvent()
	event.Level = sentry.LevelError
	event.Transaction = where(failure)
	event.Fingerprint = kind[:]
	event.Tags = map[string]string{"category": failure.Category}
	if failure.Job != "" {
		event.Tags["job"] = failure.Job
	}
	if failure.Route != "" {
		event.Tags["route"] = failure.Route
		event.Tags["status"] = strconv.Itoa(failure.Status)
	}
	exception := sentry.Exception{Type: failure.Category, Value: message(failure.Err)}
	var p *telemetry.PanicError
	if errors.As(failure.Err, &p) {
		event.Level = sentry.LevelFatal
		exception.Type, exception.Stacktrace = "panic", sentry.ExtractStacktrace(p)
	}
	event.Exception = []sentry.Exception{exception}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		event.Contexts["trace"] = sentry.Context{"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()}
	}
	event.Contexts["rate limit"] = sentry.Context{"suppressed": suppressed}
	return event
}

func message(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if len(text) > longestMessage {
		text = text[:longestMessage] + "…"
	}
	return redact.String(text)
}
