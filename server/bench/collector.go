package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// collector takes traces as an OpenTelemetry Collector does. While something is measured it forgets them unread: what a
// collector does with them is its own cost. It keeps spans only for whoever wants to know what a server does.
type collector struct {
	address string
	server  *grpc.Server

	batches atomic.Int64 // of spans, that have come
	keeping atomic.Bool
	mu      sync.Mutex
	spans   []*tracepb.Span
	came    chan struct{}
}

func startCollector(ctx context.Context) (*collector, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen as a collector: %w", err)
	}
	c := &collector{address: listener.Addr().String(), came: make(chan struct{}, 1)}
	c.server = grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.UnknownServiceHandler(c.take))
	go func() { _ = c.server.Serve(listener) }() // it ends with stop
	return c, nil
}

func (c *collector) stop() { c.server.Stop() }

func (c *collector) take(_ any, stream grpc.ServerStream) error {
	c.batches.Add(1)
	if !c.keeping.Load() {
		if err := stream.RecvMsg(nil); err != nil {
			return err
		}
		return stream.SendMsg(nil)
	}
	var content []byte
	if err := stream.RecvMsg(&content); err != nil {
		return err
	}
	var request collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(content, &request); err != nil {
		return err
	}
	c.mu.Lock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	c.mu.Unlock()
	select {
	case c.came <- struct{}{}:
	default: // whoever waits has been told
	}
	return stream.SendMsg(nil)
}

// watch keeps the spans that come until one that ends what is watched for is among them, and returns all of its trace.
func (c *collector) watch(ctx context.Context, do func() error, last func(*tracepb.Span) bool) ([]*tracepb.Span, error) {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("its spans did not come in 30 s"))
	defer cancel()
	c.keeping.Store(true)
	defer func() {
		c.keeping.Store(false)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spans = nil
	}()
	if err := do(); err != nil {
		return nil, err
	}
	for {
		if trace := c.traceWith(last); trace != nil {
			return trace, nil
		}
		select {
		case <-c.came:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// traceWith returns the spans of the trace in which there is such a span.
func (c *collector) traceWith(wanted func(*tracepb.Span) bool) (trace []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, found := range c.spans {
		if !wanted(found) {
			continue
		}
		for _, span := range c.spans {
			if bytes.Equal(span.GetTraceId(), found.GetTraceId()) {
				trace = append(trace, span)
			}
		}
		break
	}
	return trace
}

// raw leaves messages as they are on the wire. Into nil it reads nothing.
type raw struct{}

func (raw) Marshal(any) (mem.BufferSlice, error) { return nil, nil }

func (raw) Unmarshal(data mem.BufferSlice, into any) error {
	if content, ok := into.(*[]byte); ok {
		*content = data.Materialize()
	}
	return nil
}

func (raw) Name() string { return "raw" }
