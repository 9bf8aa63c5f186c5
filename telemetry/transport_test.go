package telemetry_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestAnOutgoingRequestLeavesOneSpanAndOneSample(t *testing.T) {
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		path      string
		prepare   func(*http.Request) *http.Request
		status    string
		errorType string
	}{
		"that succeeds": {path: "/farms?page=2", status: "200"},
		"with secrets in its URL": {
			path: "/farms?api_key=hunter2&page=2", status: "200",
			prepare: func(r *http.Request) *http.Request { r.URL.User = url.UserPassword("ann", "hunter2"); return r },
		},
		"that is refused":          {answer: answering(http.StatusNotFound), path: "/", status: "404", errorType: "not_found"},
		"that fails there":         {answer: answering(http.StatusInternalServerError), path: "/", status: "500", errorType: "dependency"},
		"that is limited":          {answer: answering(http.StatusTooManyRequests), path: "/", status: "429", errorType: "limited"},
		"whose connection is lost": {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, path: "/", errorType: "dependency"},
		"whose answer is cut off": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				_, _ = io.WriteString(w, "half")
			}, path: "/", status: "200", errorType: "dependency",
		},
		"that takes too long": {
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, path: "/", errorType: "timeout",
			prepare: func(r *http.Request) *http.Request {
				ctx, cancel := context.WithTimeout(r.Context(), 10*time.Millisecond)
				t.Cleanup(cancel)
				return r.WithContext(ctx)
			},
		},
		"whose caller gives up": {
			path: "/", errorType: "canceled",
			prepare: func(r *http.Request) *http.Request {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				return r.WithContext(ctx)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.answer == nil {
				c.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") }
			}
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			server.Config.ErrorLog = nil
			collector, tel, _ := measured(t)
			ctx, parent := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+c.path, http.NoBody)
			require.NoError(t, err)
			if c.prepare != nil {
				request = c.prepare(request)
			}
			client := &http.Client{Transport: tel.Transport(telemetry.TransportOptions{Hosts: []string{"127.0.0.1"}})}
			if response, err := client.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				require.NoError(t, response.Body.Close())
			}
			parent.End()

			span := spanNamed(t, collector.WaitForSpans(2), "GET")
			require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, span.GetKind())
			parentID := parent.SpanContext().SpanID()
			require.Equal(t, parentID[:], span.GetParentSpanId())
			require.Equal(t, "GET", telemetrytest.Attribute(span, "http.request.method"))
			require.Equal(t, "127.0.0.1", telemetrytest.Attribute(span, "server.address"))
			require.NotEmpty(t, telemetrytest.Attribute(span, "server.port"))
			require.Contains(t, telemetrytest.Attribute(span, "url.full"), "http://")
			require.NotContains(t, span.String(), "hunter2")
			require.Equal(t, c.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.errorType != "", span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)
			require.Equal(t, 1, samplesOf(t, tel, "http_client_request_duration_seconds", map[string]string{
				"http_request_method": "GET", "server_address": "127.0.0.1", "http_response_status_code": c.status, "error_type": c.errorType,
			}))
			collector.RequireExemplars(tel.MetricsHandler(), "http_client_request_duration_seconds_bucket")
		})
	}
}

func answering(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestTraceContextAndBaggageGoToOurHostsOnly(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(server.Close)
	_, tel, _ := measured(t)
	member, err := baggage.NewMember("tenant", "quay")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	ctx, span := tel.TracerProvider().Tracer("test").Start(baggage.ContextWithBaggage(t.Context(), bag), "request")
	defer span.End()
	for name, c := range map[string]struct {
		ours []string
		sent bool
	}{"ours": {[]string{"127.0.0.1"}, true}, "a third party": {[]string{"shop.example.org"}, false}} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			require.NoError(t, err)
			response, err := tel.Transport(telemetry.TransportOptions{Ours: c.ours}).RoundTrip(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Empty(t, request.Header, "what the caller gave is not changed")
			require.Equal(t, c.sent, got.Get("Traceparent") != "")
			require.Equal(t, c.sent, got.Get("Baggage") == "tenant=quay")
			if c.sent {
				require.Contains(t, got.Get("Traceparent"), span.SpanContext().TraceID().String())
			}
		})
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	collector, tel, _ := measured(t)
	request, err := http.NewRequestWithContext(telemetry.Resent(t.Context(), 2), http.MethodGet, server.URL+"/old", http.NoBody)
	require.NoError(t, err)
	response, err := (&http.Client{Transport: tel.Transport(telemetry.TransportOptions{})}).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	var counts []string
	for _, span := range collector.WaitForSpans(2) {
		counts = append(counts, telemetrytest.Attribute(span, "http.request.resend_count"))
	}
	require.Equal(t, []string{"int_value:2", "int_value:3"}, counts)
}

func TestHostsThatWereNotDeclaredShareOneSeries(t *testing.T) {
	_, tel, _ := measured(t)
	transport := tel.Transport(telemetry.TransportOptions{Hosts: []string{"api.example.org"}, Base: refusing{}})
	for _, host := range []string{"a.example.org", "b.example.org", "api.example.org"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host, http.NoBody)
		require.NoError(t, err)
		_, err = transport.RoundTrip(request)
		require.Error(t, err)
	}
	const metric = "http_client_request_duration_seconds"
	require.Equal(t, 2, samplesOf(t, tel, metric, map[string]string{"server_address": "other"}))
	require.Equal(t, 1, samplesOf(t, tel, metric, map[string]string{"server_address": "api.example.org", "error_type": "dependency"}))
}

// refusing is a network that lets nothing through.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, net.ErrClosed }
