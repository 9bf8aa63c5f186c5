package telemetry

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// otlpExporter sends spans over OTLP. The SDK's exporter makes some sixty objects of each span, only to write their
// bytes; under load that costs more than to record it. This one writes the bytes of usual spans itself, leaves unusual
// ones to the SDK, and hands all of it to the SDK's client.
type otlpExporter struct {
	client  otlptrace.Client
	unusual *otlptrace.Exporter // of one span at a time, to here:
	caught  *catcher

	of       *resource.Resource
	resource []byte // of, encoded
	buffer   []byte

	description []byte
}

// newOTLPExporter connects the client, which does not wait for the collector.
func newOTLPExporter(client otlptrace.Client) (*otlpExporter, error) {
	if err := client.Start(context.Background()); err != nil {
		return nil, fmt.Errorf("start the OTLP client: %w", err)
	}
	caught := &catcher{}
	return &otlpExporter{client: client, unusual: otlptrace.NewUnstarted(caught), caught: caught}, nil
}

// ExportSpans sends a batch. It must not be called again before it has returned, as the SDK promises.
func (e *otlpExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	if err := e.begin(ctx, spans[0]); err != nil {
		return err
	}
	for len(spans) > 0 {
		same := 1
		for same < len(spans) && spans[same].InstrumentationScope() == spans[0].InstrumentationScope() {
			same++
		}
		if err := e.appendScope(ctx, spans[:same]); err != nil {
			return err
		}
		spans = spans[same:]
	}
	// A message is written with the fields that it does not know as they are: these are all of its fields.
	batch := &tracepb.ResourceSpans{}
	batch.ProtoReflect().SetUnknown(e.buffer)
	return e.client.UploadTraces(ctx, []*tracepb.ResourceSpans{batch})
}

// begin starts a batch with the resource that its spans have, which is that of their one provider.
func (e *otlpExporter) begin(ctx context.Context, first sdktrace.ReadOnlySpan) error {
	if e.of == nil || e.of != first.Resource() {
		if err := e.unusual.ExportSpans(ctx, []sdktrace.ReadOnlySpan{first}); err != nil {
			return fmt.Errorf("encode the resource: %w", err)
		}
		batch := e.caught.spans[0]
		encoded, err := proto.Marshal(&tracepb.ResourceSpans{Resource: batch.GetResource(), SchemaUrl: batch.GetSchemaUrl()})
		if err != nil {
			return fmt.Errorf("encode the resource: %w", err)
		}
		e.of, e.resource = first.Resource(), encoded
	}
	e.buffer = append(e.buffer[:0], e.resource...)
	return nil
}

// Shutdown disconnects the client.
func (e *otlpExporter) Shutdown(ctx context.Context) error { return e.client.Stop(ctx) }

// appendScope appends a ScopeSpans.
func (e *otlpExporter) appendScope(ctx context.Context, spans []sdktrace.ReadOnlySpan) (err error) {
	scope := spans[0].InstrumentationScope()
	e.buffer = message(e.buffer, 2, func(b []byte) []byte {
		if scope != (instrumentation.Scope{}) {
			b = message(b, 1, func(b []byte) []byte {
				b = text(text(b, 1, scope.Name), 2, scope.Version)
				for i := scope.Attributes.Iter(); i.Next(); {
					b = appendAttribute(b, 3, i.Attribute())
				}
				return b
			})
		}
		for _, s := range spans {
			description, attributes := e.parts(s)
			if events := s.Events(); description != nil && isUsual(attributes, events, s.Links()) {
				b = appendSpan(b, s, description, attributes, events)
				continue
			}
			var encoded []byte
			if encoded, err = e.encodeUnusual(ctx, s); err != nil {
				return b
			}
			b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), encoded)
		}
		return text(b, 3, scope.SchemaURL)
	})
	return err
}

// encodeUnusual has the SDK do it.
func (e *otlpExporter) encodeUnusual(ctx context.Context, s sdktrace.ReadOnlySpan) ([]byte, error) {
	if err := e.unusual.ExportSpans(ctx, []sdktrace.ReadOnlySpan{s}); err != nil {
		return nil, fmt.Errorf("encode the span %q: %w", s.Name(), err)
	}
	return proto.Marshal(e.caught.spans[0].GetScopeSpans()[0].GetSpans()[0])
}

// catcher is a client that keeps what it is to send.
type catcher struct{ spans []*tracepb.ResourceSpans }

func (*catcher) Start(context.Context) error { return nil }
func (*catcher) Stop(context.Context) error  { return nil }
func (c *catcher) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	c.spans = spans
	return nil
}

// isUsual says whether appendSpan knows all that the span has.
func isUsual(attributes []attribute.KeyValue, events []sdktrace.Event, links []sdktrace.Link) bool {
	if len(links) > 0 || !arePlain(attributes) {
		return false
	}
	for _, event := range events {
		if !arePlain(event.Attributes) {
			return false
		}
	}
	return true
}

func arePlain(attributes []attribute.KeyValue) bool {
	for _, a := range attributes {
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.STRING:
		default:
			return false
		}
	}
	return true
}

// The numbers below are those of the fields in opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto.

// parts returns what of a span has been encoded before, or need not be, and the attributes that are still to be encoded.
func (e *otlpExporter) parts(s sdktrace.ReadOnlySpan) (description []byte, attributes []attribute.KeyValue) {
	if clean, ok := s.(cleanSpan); ok {
		if own, ok := clean.ReadOnlySpan.(*span); ok {
			return own.template.encoded, cleanAttributes(own.attributes)
		}
	}
	e.description = appendDescription(e.description[:0], s.Name(), s.SpanKind(), nil)
	return e.description, s.Attributes()
}

// appendDescription appends what a span says before it has begun.
func appendDescription(b []byte, name string, kind trace.SpanKind, attributes []attribute.KeyValue) []byte {
	b = number(text(b, 5, name), 6, spanKind(kind))
	for _, a := range attributes {
		b = appendAttribute(b, 9, a)
	}
	return b
}

func appendSpan(b []byte, s sdktrace.ReadOnlySpan, description []byte, attributes []attribute.KeyValue, events []sdktrace.Event) []byte {
	return message(b, 2, func(b []byte) []byte {
		sc, parent := s.SpanContext(), s.Parent()
		id, span := sc.TraceID(), sc.SpanID()
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), id[:])
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), span[:])
		b = text(b, 3, sc.TraceState().String())
		if span := parent.SpanID(); span.IsValid() {
			b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), span[:])
		}
		b = protowire.AppendFixed32(protowire.AppendTag(b, 16, protowire.Fixed32Type), spanFlags(sc, parent))
		b = append(b, description...)
		b = instant(b, 7, s.StartTime())
		b = instant(b, 8, s.EndTime())
		for _, a := range attributes {
			b = appendAttribute(b, 9, a)
		}
		b = number(b, 10, uint64(max(0, s.DroppedAttributes())))
		for _, event := range events {
			b = appendEvent(b, event)
		}
		b = number(b, 12, uint64(max(0, s.DroppedEvents())))
		b = number(b, 14, uint64(max(0, s.DroppedLinks())))
		return message(b, 15, func(b []byte) []byte {
			status := s.Status()
			return number(text(b, 2, status.Description), 3, statusCode(status.Code))
		})
	})
}

// spanFlags are those of the context, and whether the parent is in another process.
func spanFlags(sc, parent trace.SpanContext) uint32 {
	flags := uint32(sc.TraceFlags()) | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if parent.IsRemote() {
		flags |= uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return flags
}

// spanKind is one more than ours, where 1 is what is internal and 0 what is not said.
func spanKind(kind trace.SpanKind) uint64 {
	return uint64(max(0, kind-trace.SpanKindInternal)) + uint64(tracepb.Span_SPAN_KIND_INTERNAL)
}

func statusCode(code codes.Code) uint64 {
	switch code {
	case codes.Ok:
		return uint64(tracepb.Status_STATUS_CODE_OK)
	case codes.Error:
		return uint64(tracepb.Status_STATUS_CODE_ERROR)
	default:
		return uint64(tracepb.Status_STATUS_CODE_UNSET)
	}
}

func appendEvent(b []byte, event sdktrace.Event) []byte {
	return message(b, 11, func(b []byte) []byte {
		b = text(instant(b, 1, event.Time), 2, event.Name)
		for _, a := range event.Attributes {
			b = appendAttribute(b, 3, a)
		}
		return number(b, 4, uint64(max(0, event.DroppedAttributeCount)))
	})
}

// appendAttribute appends a KeyValue. A value is written even when it is the zero of its type: it is one of several.
func appendAttribute(b []byte, field protowire.Number, a attribute.KeyValue) []byte {
	return message(b, field, func(b []byte) []byte {
		b = text(b, 1, string(a.Key))
		return message(b, 2, func(b []byte) []byte {
			switch a.Value.Type() {
			case attribute.BOOL:
				return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), protowire.EncodeBool(a.Value.AsBool()))
			case attribute.INT64:
				return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(a.Value.AsInt64())) //nolint:gosec // G115: that is how it is written
			case attribute.FLOAT64:
				return protowire.AppendFixed64(protowire.AppendTag(b, 4, protowire.Fixed64Type), math.Float64bits(a.Value.AsFloat64()))
			default:
				return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), a.Value.AsString())
			}
		})
	})
}

// message appends a field that is a message. Its length comes before it and is known after it: most take one byte.
func message(b []byte, field protowire.Number, content func([]byte) []byte) []byte {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	start := len(b)
	b = content(b)
	length := uint64(len(b) - start) //nolint:gosec // G115: content only appends
	if more := protowire.SizeVarint(length) - 1; more > 0 {
		b = append(b, make([]byte, more)...)
		copy(b[start+more:], b[start:])
	}
	protowire.AppendVarint(b[:start-1], length)
	return b
}

func text(b []byte, field protowire.Number, value string) []byte {
	if value == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), value)
}

func number(b []byte, field protowire.Number, value uint64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), value)
}

func instant(b []byte, field protowire.Number, at time.Time) []byte {
	ns := at.UnixNano()
	if ns <= 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(ns))
}
