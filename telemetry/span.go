package telemetry

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// Bounds of what one span holds, of each: the defaults of the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits). What is more is dropped and counted.
const mostOfSpan = 128

// spanTemplate is what the spans of one route, or of one statement, have in common. It is described, cleaned and encoded
// once.
type spanTemplate struct {
	name       string
	kind       trace.SpanKind
	attributes []attribute.KeyValue
	encoded    []byte // all of the above as OTLP has it; nil when the SDK has to write it
}

func newSpanTemplate(name string, kind trace.SpanKind, attributes ...attribute.KeyValue) *spanTemplate {
	t := &spanTemplate{name: name, kind: kind, attributes: attributes}
	if clean := cleanAttributes(attributes); arePlain(clean) {
		t.encoded = appendDescription(nil, cleanName(name), kind, clean)
	}
	return t
}

// spanSource is what all spans have in common.
type spanSource struct {
	provider *sdktrace.TracerProvider // of spans for which there is no template
	sampler  sdktrace.Sampler
	resource *resource.Resource
	scope    instrumentation.Scope
	finished *spanProcessor // nil: spans are recorded for logs and exemplars only
}

// span is a span of a request or of a statement: one of those that are made all the time. The SDK's own allocates three
// times and copies twice what is known when it starts, or only at its end (docs/decisions/own-spans.md). Once it has ended
// it does not change.
type span struct {
	embedded.Span
	sdktrace.ReadOnlySpan // nil; one of its methods can only be written in the SDK, where nobody calls it

	source *spanSource
	sc     trace.SpanContext
	parent trace.SpanContext
	start  time.Time

	mu         sync.Mutex
	template   *spanTemplate
	attributes []attribute.KeyValue // beside those of the template
	events     []sdktrace.Event
	links      []sdktrace.Link
	status     sdktrace.Status
	end        time.Time
	dropped    struct{ attributes, events, links int }
}

// begin starts a span, and returns the context for what is done in it. Of one that is not sampled there are only ids.
func (o *spanSource) begin(ctx context.Context, template *spanTemplate, at time.Time) (context.Context, trace.Span) {
	parent := trace.SpanContextFromContext(ctx)
	id := parent.TraceID()
	if !id.IsValid() {
		id = newTraceID()
	}
	decision := o.sampler.ShouldSample(sdktrace.SamplingParameters{
		ParentContext: ctx, TraceID: id, Name: template.name, Kind: template.kind,
	})
	if decision.Decision != sdktrace.RecordAndSample {
		ctx = unrecorded(ctx, id, decision.Tracestate)
		return ctx, trace.SpanFromContext(ctx)
	}
	s := &span{source: o, template: template, parent: parent, start: at, sc: trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: newSpanID(), TraceFlags: parent.TraceFlags() | trace.FlagsSampled, TraceState: decision.Tracestate,
	})}
	return trace.ContextWithSpan(ctx, s), s
}

// unrecorded returns a context in which nothing is recorded.
func unrecorded(ctx context.Context, id trace.TraceID, state trace.TraceState) context.Context {
	flags := trace.SpanContextFromContext(ctx).TraceFlags() &^ trace.FlagsSampled
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: newSpanID(), TraceFlags: flags, TraceState: state,
	}))
}

// change does something to the span unless it has ended.
func (s *span) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end.IsZero() {
		do()
	}
}

// describe replaces the template by one that says more, and adds attributes of which none is there yet. They are the
// span's from now on.
func (s *span) describe(template *spanTemplate, attributes []attribute.KeyValue) {
	s.change(func() {
		s.template = template
		if s.attributes == nil {
			s.attributes = attributes
			return
		}
		s.attributes = append(s.attributes, attributes...)
	})
}

// End implements trace.Span.
func (s *span) End(options ...trace.SpanEndOption) {
	config := trace.NewSpanEndConfig(options...)
	end := config.Timestamp()
	if end.IsZero() {
		end = time.Now()
	}
	s.endAt(end)
}

func (s *span) endAt(end time.Time) {
	first := false
	s.change(func() { s.end, first = end, true })
	if first && s.source.finished != nil {
		s.source.finished.put(s)
	}
}

// IsRecording implements trace.Span.
func (s *span) IsRecording() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end.IsZero()
}

// SetAttributes implements trace.Span.
func (s *span) SetAttributes(attributes ...attribute.KeyValue) {
	s.change(func() {
		for _, a := range attributes {
			s.set(a)
		}
	})
}

func (s *span) set(a attribute.KeyValue) {
	same := func(b attribute.KeyValue) bool { return a.Key == b.Key }
	if slices.ContainsFunc(s.template.attributes, same) { // its own word counts for more than the template's
		s.attributes = append(slices.Clone(s.template.attributes), s.attributes...)
		s.template = newSpanTemplate(s.template.name, s.template.kind)
	}
	switch i := slices.IndexFunc(s.attributes, same); {
	case !a.Valid(), i < 0 && len(s.template.attributes)+len(s.attributes) >= mostOfSpan:
		s.dropped.attributes++
	case i >= 0:
		s.attributes[i] = a
	default:
		s.attributes = append(s.attributes, a)
	}
}

// AddEvent implements trace.Span.
func (s *span) AddEvent(name string, options ...trace.EventOption) {
	config := trace.NewEventConfig(options...)
	event := sdktrace.Event{Name: name, Attributes: config.Attributes(), Time: config.Timestamp()}
	s.change(func() {
		if len(s.events) >= mostOfSpan {
			s.dropped.events++
			return
		}
		s.events = append(s.events, event)
	})
}

// RecordError implements trace.Span.
func (s *span) RecordError(err error, options ...trace.EventOption) {
	if err == nil {
		return
	}
	s.AddEvent(semconv.ExceptionEventName, append(options, trace.WithAttributes(
		semconv.ExceptionType(typeName(err)), semconv.ExceptionMessage(err.Error())))...)
}

// typeName is the type's name with its package's path, as in the SDK's spans.
func typeName(value any) string {
	t := reflect.TypeOf(value)
	if t.PkgPath() == "" { // a pointer to it, as errors are
		return t.String()
	}
	return fmt.Sprintf("%s.%s", t.PkgPath(), t.Name())
}

// AddLink implements trace.Span.
func (s *span) AddLink(link trace.Link) {
	if !link.SpanContext.IsValid() && len(link.Attributes) == 0 && link.SpanContext.TraceState().Len() == 0 {
		return
	}
	s.change(func() {
		if len(s.links) >= mostOfSpan {
			s.dropped.links++
			return
		}
		s.links = append(s.links, sdktrace.Link{SpanContext: link.SpanContext, Attributes: link.Attributes})
	})
}

// SetStatus implements trace.Span: OK counts for more than an error.
func (s *span) SetStatus(code codes.Code, description string) {
	s.change(func() {
		if s.status.Code > code {
			return
		}
		if code != codes.Error {
			description = ""
		}
		s.status = sdktrace.Status{Code: code, Description: description}
	})
}

// SetName implements trace.Span.
func (s *span) SetName(name string) {
	s.change(func() { s.template = newSpanTemplate(name, s.template.kind, s.template.attributes...) })
}

// SpanContext implements trace.Span.
func (s *span) SpanContext() trace.SpanContext { return s.sc }

// TracerProvider implements trace.Span.
func (s *span) TracerProvider() trace.TracerProvider { return s.source.provider }

// What follows implements sdktrace.ReadOnlySpan, for exporters. They get spans that have ended.

func (s *span) Name() string { return s.template.name }

func (s *span) Parent() trace.SpanContext { return s.parent }

func (s *span) SpanKind() trace.SpanKind { return s.template.kind }

func (s *span) StartTime() time.Time { return s.start }

func (s *span) EndTime() time.Time { return s.end }

func (s *span) Attributes() []attribute.KeyValue {
	return append(slices.Clip(s.template.attributes), s.attributes...)
}

func (s *span) Links() []sdktrace.Link { return s.links }

func (s *span) Events() []sdktrace.Event { return s.events }

func (s *span) Status() sdktrace.Status { return s.status }

func (s *span) InstrumentationScope() instrumentation.Scope { return s.source.scope }

// InstrumentationLibrary is InstrumentationScope by its former name.
func (s *span) InstrumentationLibrary() instrumentation.Scope { return s.source.scope }

func (s *span) Resource() *resource.Resource { return s.source.resource }

func (s *span) DroppedAttributes() int { return s.dropped.attributes }

func (s *span) DroppedLinks() int { return s.dropped.links }

func (s *span) DroppedEvents() int { return s.dropped.events }

// ChildSpanCount is not counted, and OTLP has no field for it.
func (s *span) ChildSpanCount() int { return 0 }
