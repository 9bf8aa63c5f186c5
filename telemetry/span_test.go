package telemetry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"
)

// kept is an exporter that keeps what it gets.
type kept struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (k *kept) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spans = append(k.spans, spans...)
	return nil
}

func (*kept) Shutdown(context.Context) error { return nil }

// newSources returns a source of our spans and a tracer of the SDK's, which both end in the same place.
func newSources(t require.TestingT, sampler sdktrace.Sampler) (*spanSource, trace.Tracer, *kept, func()) {
	sent := &kept{}
	tel, err := Start(Config{Service: "test", SampleRatio: 1, SpanExporter: sent, ExportInterval: time.Hour})
	require.NoError(t, err)
	tel.spans.sampler = sampler
	return tel.spans, tel.tracer, sent, func() { require.NoError(t, tel.provider.ForceFlush(context.Background())) }
}

// Whatever is done to a span, the collector must learn from ours what it would from the SDK's.
func TestASpanTellsWhatTheSDKsWouldTell(t *testing.T) {
	ctx := t.Context()
	source, tracer, sent, flush := newSources(t, sdktrace.AlwaysSample())
	started := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		name, common, kind := rapid.String().Draw(t, "name"), attributes(t), trace.SpanKind(rapid.IntRange(1, 5).Draw(t, "kind"))
		_, ours := source.begin(ctx, newSpanTemplate(name, kind, unique(common)...), started)
		_, theirs := tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(started), trace.WithAttributes(common...))
		change := changes(t)
		for _, span := range []trace.Span{ours, theirs} {
			for _, do := range change {
				do(span)
			}
			span.End(trace.WithTimestamp(started.Add(time.Second)))
			for _, do := range change { // it is over
				do(span)
			}
			require.False(t, span.IsRecording())
		}
		flush()
		require.Len(t, sent.spans, 2)
		require.Equal(t, told(t, sent.spans[1]), told(t, sent.spans[0]))
		sent.spans = nil
	})
}

// unique keeps the last attribute of each key, as a span does.
func unique(attributes []attribute.KeyValue) []attribute.KeyValue {
	set := attribute.NewSet(attributes...)
	return set.ToSlice()
}

// changes are things that are done to a span. Events are told apart by their time, so they have one.
func changes(t *rapid.T) []func(trace.Span) {
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: newSpanID()})
	at := trace.WithTimestamp(time.Unix(1, 0))
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) func(trace.Span) {
		word, more := rapid.String().Draw(t, "word"), attributes(t)
		code, then := codes.Code(rapid.IntRange(0, 2).Draw(t, "code")), codes.Code(rapid.IntRange(0, 2).Draw(t, "then"))
		return rapid.SampledFrom([]func(trace.Span){
			func(s trace.Span) { s.SetAttributes(more...) },
			func(s trace.Span) { s.SetAttributes(attribute.KeyValue{Key: "", Value: attribute.IntValue(1)}) },
			func(s trace.Span) { s.AddEvent(word, at, trace.WithAttributes(unique(more)...)) },
			func(s trace.Span) { s.RecordError(errors.New(word), at) },
			func(s trace.Span) { s.RecordError(fmt.Errorf("read: %w", errors.ErrUnsupported), at) },
			func(s trace.Span) { s.RecordError(nil) },
			func(s trace.Span) { s.AddLink(trace.Link{SpanContext: other, Attributes: unique(more)}) },
			func(s trace.Span) { s.AddLink(trace.Link{}) },
			func(s trace.Span) { s.SetStatus(code, word) },
			func(s trace.Span) { s.SetStatus(code, word); s.SetStatus(then, "") },
			func(s trace.Span) { s.SetName(word) },
		}).Draw(t, "change")
	}), 0, 6).Draw(t, "changes")
}

// told is all that a collector learns of a span but its ids, and its attributes in some order.
func told(t *rapid.T, s sdktrace.ReadOnlySpan) []any {
	sent := &catcher{}
	exporter, err := newOTLPExporter(sent)
	require.NoError(t, err)
	require.NoError(t, exporter.ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{s}))
	batch := &tracepb.ResourceSpans{}
	for _, text := range inOrder(t, sent) {
		require.NoError(t, protojson.Unmarshal([]byte(text), batch))
	}
	span := batch.GetScopeSpans()[0].GetSpans()[0]
	attributes := map[string]string{}
	for _, a := range span.GetAttributes() {
		attributes[a.GetKey()] = protojson.Format(a.GetValue())
	}
	require.Len(t, span.GetAttributes(), len(attributes), "a key is there twice")
	span.TraceId, span.SpanId, span.Attributes = nil, nil, nil
	return []any{protojson.Format(batch), attributes}
}

func TestASpanHoldsNoMoreThanItMay(t *testing.T) {
	source, _, sent, flush := newSources(t, sdktrace.AlwaysSample())
	_, s := source.begin(t.Context(), newSpanTemplate("GET /", trace.SpanKindServer), time.Now())
	for i := range mostOfSpan + 3 {
		s.SetAttributes(attribute.Int(fmt.Sprint("a", i), i))
		s.AddEvent("again")
		s.AddLink(trace.Link{Attributes: []attribute.KeyValue{attribute.Int("n", i)}})
	}
	s.End()
	flush()
	got := sent.spans[0]
	require.Equal(t, []int{mostOfSpan, mostOfSpan, mostOfSpan}, []int{len(got.Attributes()), len(got.Events()), len(got.Links())})
	require.Equal(t, []int{3, 3, 3}, []int{got.DroppedAttributes(), got.DroppedEvents(), got.DroppedLinks()})
}

func TestASpanFollowsItsParent(t *testing.T) {
	for name, c := range map[string]struct {
		parent  trace.TraceFlags
		sampler sdktrace.Sampler
		sampled bool
	}{
		"that is sampled, whatever the ratio":     {trace.FlagsSampled, sdktrace.NeverSample(), true},
		"that is not sampled, whatever the ratio": {0, sdktrace.AlwaysSample(), false},
	} {
		t.Run(name, func(t *testing.T) {
			source, _, sent, flush := newSources(t, sdktrace.ParentBased(c.sampler))
			parent := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: newTraceID(), SpanID: newSpanID(), TraceFlags: c.parent, Remote: true,
			})
			ctx, s := source.begin(trace.ContextWithSpanContext(t.Context(), parent), newSpanTemplate("GET /", trace.SpanKindServer), time.Now())
			require.Equal(t, c.sampled, s.IsRecording())
			require.Equal(t, c.sampled, s.SpanContext().IsSampled())
			require.Equal(t, parent.TraceID(), s.SpanContext().TraceID())
			require.NotEqual(t, parent.SpanID(), s.SpanContext().SpanID())
			require.Equal(t, s, trace.SpanFromContext(ctx))
			s.End()
			s.End()
			flush()
			if !c.sampled {
				require.Empty(t, sent.spans)
				return
			}
			require.Len(t, sent.spans, 1)
			require.Equal(t, parent, sent.spans[0].Parent())
		})
	}
}

// The SDK may add to what an exporter can ask of a span. A span of ours would have no answer.
func TestASpanAnswersAllThatAnExporterCanAsk(t *testing.T) {
	source, _, _, _ := newSources(t, sdktrace.AlwaysSample())
	_, s := source.begin(t.Context(), newSpanTemplate("GET /", trace.SpanKindServer), time.Now())
	s.End()
	own := s.(sdktrace.ReadOnlySpan)
	questions := reflect.TypeFor[sdktrace.ReadOnlySpan]()
	for i := range questions.NumMethod() {
		if method := questions.Method(i); method.IsExported() {
			require.NotPanics(t, func() { reflect.ValueOf(own).MethodByName(method.Name).Call(nil) }, method.Name)
		}
	}
	require.Equal(t, instrumentation.Scope{Name: scope}, own.InstrumentationScope())
	require.IsType(t, &resource.Resource{}, own.Resource())
	require.NotNil(t, s.TracerProvider().Tracer("another"))
}
