package telemetry

import (
	"regexp"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/redact"
)

// withoutSecrets returns the spans as they may leave the process. It is called by the export queue's own goroutine, so
// that no request waits for it, and for all spans, whoever made them.
func withoutSecrets(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		clean[i] = cleanSpan{s}
	}
	return clean
}

// cleanSpan is a span without secrets and personal data.
type cleanSpan struct{ sdktrace.ReadOnlySpan }

func (s cleanSpan) Name() string { return cleanName(s.ReadOnlySpan.Name()) }

func cleanName(name string) string { return redact.String(name) }

func (s cleanSpan) SpanContext() trace.SpanContext { return cleanContext(s.ReadOnlySpan.SpanContext()) }

func (s cleanSpan) Parent() trace.SpanContext { return cleanContext(s.ReadOnlySpan.Parent()) }

func (s cleanSpan) Attributes() []attribute.KeyValue {
	return cleanAttributes(s.ReadOnlySpan.Attributes())
}

func (s cleanSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = redact.String(status.Description)
	return status
}

func (s cleanSpan) Events() []sdktrace.Event {
	events := s.ReadOnlySpan.Events()
	if len(events) == 0 {
		return events
	}
	clean := make([]sdktrace.Event, len(events))
	for i, event := range events {
		event.Name, event.Attributes = redact.String(event.Name), cleanAttributes(event.Attributes)
		clean[i] = event
	}
	return clean
}

func (s cleanSpan) Links() []sdktrace.Link {
	links := s.ReadOnlySpan.Links()
	if len(links) == 0 {
		return links
	}
	clean := make([]sdktrace.Link, len(links))
	for i, link := range links {
		link.SpanContext, link.Attributes = cleanContext(link.SpanContext), cleanAttributes(link.Attributes)
		clean[i] = link
	}
	return clean
}

// cleanContext keeps of the trace state, which the client chooses, what OpenTelemetry itself has put there for sampling:
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/.
func cleanContext(sc trace.SpanContext) trace.SpanContext {
	state := sc.TraceState()
	if state.Len() == 0 {
		return sc
	}
	var kept trace.TraceState
	if value := state.Get("ot"); value != "" && redact.String(value) == value {
		kept, _ = kept.Insert("ot", value) // it was valid before
	}
	return sc.WithTraceState(kept)
}

// cleanAttributes copies only when there is something to take out.
func cleanAttributes(attributes []attribute.KeyValue) []attribute.KeyValue {
	clean, copied := attributes, false
	for i, a := range attributes {
		value, changed := cleanAttribute(a)
		if !changed {
			continue
		}
		if !copied {
			clean, copied = append([]attribute.KeyValue(nil), attributes...), true
		}
		clean[i].Value = value
	}
	return clean
}

func cleanAttribute(a attribute.KeyValue) (value attribute.Value, changed bool) {
	switch a.Value.Type() {
	case attribute.STRING:
		text := cleanText(a.Key, a.Value.AsString())
		if text == a.Value.AsString() {
			return a.Value, false
		}
		return attribute.StringValue(text), true
	case attribute.STRINGSLICE:
		texts := a.Value.AsStringSlice()
		for i := range texts {
			texts[i] = cleanText(a.Key, texts[i])
		}
		return attribute.StringSliceValue(texts), true
	default:
		return a.Value, false
	}
}

func cleanText(key attribute.Key, text string) string {
	switch {
	case key == semconv.URLQueryKey:
		return redact.Query(text)
	case key == semconv.URLPathKey:
		return redact.Path(text)
	case key == semconv.HTTPRequestMethodOriginalKey && !method.MatchString(text), text != "" && isSecretKey(string(key)):
		return redact.Mark
	}
	return redact.String(text)
}

// method is what methods of HTTP look like: https://www.iana.org/assignments/http-methods. Clients send anything.
var method = regexp.MustCompile(`^[A-Z-]{1,20}$`)
