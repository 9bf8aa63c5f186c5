// Package telemetrytest receives telemetry in tests the way a real collector does: over OTLP and gRPC.
package telemetrytest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logscollectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // the Collector sends it
)

// Collector is an OTLP receiver that keeps every span and every log record.
type Collector struct {
	collectorpb.UnimplementedTraceServiceServer

	Addr string

	tb     testing.TB
	mu     sync.Mutex
	spans  []*tracepb.Span
	whole  []*tracepb.ResourceSpans
	next   *answer
	server *grpc.Server
	logs   logReceiver
}

type answer struct {
	response *collectorpb.ExportTraceServiceResponse
	err      error
}

// NewCollector starts a collector on a free port; it stops with the test.
func NewCollector(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{tb: tb, Addr: "127.0.0.1:0"}
	c.Start()
	tb.Cleanup(c.Stop)
	return c
}

// Start listens, on the same port as before when it had been stopped.
func (c *Collector) Start() {
	c.tb.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), "tcp", c.Addr)
	require.NoError(c.tb, err)
	c.Addr = listener.Addr().String()
	c.server = grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(c.server, c)
	logscollectorpb.RegisterLogsServiceServer(c.server, &c.logs)
	server := c.server
	go func() { _ = server.Serve(listener) }() // it ends when the test stops it
}

// Stop goes away, at once.
func (c *Collector) Stop() { c.server.Stop() }

// RefuseNext answers the next request with an error, or with a response that refuses some of it, and keeps none of its
// spans.
func (c *Collector) RefuseNext(response *collectorpb.ExportTraceServiceResponse, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = &answer{response, err}
}

// Export implements the OTLP trace service.
func (c *Collector) Export(
	_ context.Context, request *collectorpb.ExportTraceServiceRequest,
) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refusal := c.next; refusal != nil {
		c.next = nil
		return refusal.response, refusal.err
	}
	c.whole = append(c.whole, request.GetResourceSpans()...)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// Spans returns what has arrived.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// ResourceSpans returns what has arrived, with the resources that it came from.
func (c *Collector) ResourceSpans() []*tracepb.ResourceSpans {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.whole)
}

// WaitForSpans returns the spans once at least n have arrived.
func (c *Collector) WaitForSpans(n int) []*tracepb.Span {
	c.tb.Helper()
	require.Eventually(c.tb, func() bool { return len(c.Spans()) >= n }, 20*time.Second, 5*time.Millisecond,
		"%d spans should arrive, not %d", n, len(c.Spans()))
	return c.Spans()
}

// Attribute returns a span's attribute as text; empty when it has none of that name.
func Attribute(span *tracepb.Span, name string) string {
	for _, attribute := range span.GetAttributes() {
		if attribute.GetKey() == name {
			return textOf(attribute.GetValue())
		}
	}
	return ""
}

func textOf(value *commonpb.AnyValue) string {
	if text := value.GetStringValue(); text != "" {
		return text
	}
	return value.String()
}
