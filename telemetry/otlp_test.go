package telemetry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// both gives every batch to the SDK's exporter and to ours.
type both struct {
	sdk  *otlptrace.Exporter
	ours *otlpExporter
}

func (b both) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return errors.Join(b.sdk.ExportSpans(ctx, spans), b.ours.ExportSpans(ctx, spans))
}

func (both) Shutdown(context.Context) error { return nil }

// Whatever a span holds, the collector must get what the SDK would have sent.
func TestSpansAreEncodedAsTheSDKEncodesThem(t *testing.T) {
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		want, got := &catcher{}, &catcher{}
		ours, err := newOTLPExporter(got)
		require.NoError(t, err)
		provider := sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(both{otlptrace.NewUnstarted(want), ours}),
			sdktrace.WithResource(resource.NewWithAttributes("https://schema", attributes(t)...)))
		for range rapid.IntRange(1, 5).Draw(t, "spans") {
			drawSpan(t, provider)
		}
		require.NoError(t, provider.ForceFlush(ctx))
		require.Equal(t, inOrder(t, want), inOrder(t, got))
	})
}

// inOrder is what was sent, as text, span by span with its resource and scope, after a journey over the wire.
func inOrder(t *rapid.T, sent *catcher) map[string]string {
	spans := map[string]string{}
	for _, batch := range sent.spans {
		encoded, err := proto.Marshal(batch)
		require.NoError(t, err)
		received := &tracepb.ResourceSpans{}
		require.NoError(t, proto.Unmarshal(encoded, received))
		for _, scope := range received.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				spans[string(span.GetSpanId())] = protojson.Format(&tracepb.ResourceSpans{
					Resource: received.GetResource(), SchemaUrl: received.GetSchemaUrl(), ScopeSpans: []*tracepb.ScopeSpans{{
						Scope: scope.GetScope(), SchemaUrl: scope.GetSchemaUrl(), Spans: []*tracepb.Span{span},
					}},
				})
			}
		}
	}
	return spans
}

func drawSpan(t *rapid.T, provider *sdktrace.TracerProvider) {
	name := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "scope")
	tracer := provider.Tracer(name, trace.WithInstrumentationVersion(name), trace.WithSchemaURL(name))
	ctx := context.Background()
	if rapid.Bool().Draw(t, "has a parent") {
		state, err := trace.ParseTraceState(rapid.SampledFrom([]string{"", "market=1"}).Draw(t, "state"))
		require.NoError(t, err)
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: newTraceID(), SpanID: newSpanID(), TraceFlags: 1, TraceState: state, Remote: rapid.Bool().Draw(t, "remote"),
		}))
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKind(rapid.IntRange(0, 5).Draw(t, "kind"))), trace.WithAttributes(attributes(t)...),
	}
	if rapid.IntRange(0, 4).Draw(t, "links") == 0 {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: trace.SpanContextFromContext(ctx), Attributes: attributes(t)}))
	}
	_, span := tracer.Start(ctx, rapid.String().Draw(t, "name"), options...)
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		span.AddEvent(rapid.String().Draw(t, "event"), trace.WithAttributes(attributes(t)...))
	}
	span.SetStatus(codes.Code(rapid.IntRange(0, 2).Draw(t, "status")), rapid.String().Draw(t, "description"))
	span.End(trace.WithTimestamp(time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "end"))))
}

func attributes(t *rapid.T) []attribute.KeyValue {
	key := rapid.StringMatching(`[a-z.]{1,9}`)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) attribute.KeyValue {
		name := key.Draw(t, "key")
		switch rapid.IntRange(0, 40).Draw(t, "type") {
		case 0:
			return attribute.StringSlice(name, []string{"a", "b"})
		case 1:
			return attribute.Int64Slice(name, []int64{1, 2})
		case 2, 3, 4, 5, 6, 7:
			return attribute.Bool(name, rapid.Bool().Draw(t, "flag"))
		case 8, 9, 10, 11, 12:
			return attribute.Int64(name, rapid.Int64().Draw(t, "integer"))
		case 13, 14, 15, 16:
			return attribute.Float64(name, rapid.Float64().Draw(t, "number"))
		}
		return attribute.String(name, rapid.StringN(-1, -1, 300).Draw(t, "text"))
	}), 0, 8).Draw(t, "attributes")
}
