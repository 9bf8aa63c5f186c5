package telemetry_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestSecretsAreTakenOutOfSpansWhoeverMadeThem(t *testing.T) {
	const secret = "hunter2"
	state, err := trace.ParseTraceState("vendor=hunter2,ot=th:c")
	require.NoError(t, err)
	caller := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: 1, TraceState: state})
	for name, record := range map[string]func(trace.Tracer){
		"in the name": func(tr trace.Tracer) {
			_, span := tr.Start(t.Context(), "GET redis://:hunter2@db")
			span.End()
		},
		"in attributes": func(tr trace.Tracer) {
			_, span := tr.Start(t.Context(), "x", trace.WithAttributes(attribute.String("a", "password=hunter2"), attribute.String("my.token", secret),
				attribute.StringSlice("b", []string{"token=hunter2"}), attribute.String("url.query", "key=hunter2"), attribute.String("url.path", "/Bearer%20hunter2")))
			span.End()
		},
		"in the status": func(tr trace.Tracer) {
			_, span := tr.Start(t.Context(), "x")
			span.SetStatus(codes.Error, "password=hunter2")
			span.End()
		},
		"in an error": func(tr trace.Tracer) {
			_, span := tr.Start(t.Context(), "x")
			span.RecordError(errors.New("Key (email)=(hunter2) already exists"))
			span.End()
		},
		"in the caller's trace state": func(tr trace.Tracer) {
			_, span := tr.Start(trace.ContextWithRemoteSpanContext(t.Context(), caller), "x REDACTED")
			span.End()
		},
		"in a link": func(tr trace.Tracer) {
			_, span := tr.Start(t.Context(), "x", trace.WithLinks(trace.Link{
				SpanContext: caller, Attributes: []attribute.KeyValue{attribute.String("a", "token=hunter2")},
			}))
			span.End()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, nil)
			record(s.tel.TracerProvider().Tracer("test"))
			span := s.collector.WaitForSpans(1)[0].String()
			require.NotContains(t, span, secret)
			require.Contains(t, span, "REDACTED")
		})
	}
}

func TestTheTraceStateThatSamplingNeedsIsKept(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/7", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: vendor=x,ot=th:c"))
	require.Equal(t, "ot=th:c", s.collector.WaitForSpans(1)[0].GetTraceState())
}

func TestWhatAClientSaysIsRecordedWithoutItsSecrets(t *testing.T) {
	s := startService(t, nil)
	s.send(get("/farms/jane%40example.org?token=hunter2&limit=3", "User-Agent: curl (jane@example.org)"))
	span := s.collector.WaitForSpans(1)[0]
	require.Equal(t, "/farms/REDACTED", telemetrytest.Attribute(span, "url.path"))
	require.Equal(t, "token=REDACTED&limit=3", telemetrytest.Attribute(span, "url.query"))
	require.Equal(t, "curl (REDACTED)", telemetrytest.Attribute(span, "user_agent.original"))
	require.Equal(t, "/farms/REDACTED", s.lines("request")[0]["url.path"])
}
