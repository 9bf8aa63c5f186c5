package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// describeService says which process the telemetry comes from.
func describeService(config Config) (*resource.Resource, error) {
	attributes := []attribute.KeyValue{
		semconv.ServiceName(config.Service),
		semconv.ServiceVersion(config.Version),
		semconv.DeploymentEnvironmentName(config.Environment),
	}
	if config.Revision != "" { // it was built outside of git
		attributes = append(attributes, semconv.VCSRefHeadRevision(config.Revision))
	}
	res, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(attributes...))
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe the service as an OpenTelemetry resource: %w", err)
	}
	return res, nil
}

// connect makes the connection to the collector that all signals share. It does not wait for the collector.
func connect(config Config) (*grpc.ClientConn, error) {
	security := credentials.NewTLS(nil)
	if config.OTLPInsecure {
		security = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(config.OTLPEndpoint,
		grpc.WithTransportCredentials(security),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetry, Multiplier: 2, Jitter: 0.2, MaxDelay: slowestRetry},
			MinConnectTimeout: slowestRetry,
		}))
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the collector at %s: %w", config.OTLPEndpoint, err)
	}
	return conn, nil
}

// spanProcessor queues finished spans that are sampled.
type spanProcessor struct {
	*exportQueue[sdktrace.ReadOnlySpan]
}

func newSpanProcessor(conn *grpc.ClientConn, config Config, metrics *Metrics, logger *slog.Logger) (*spanProcessor, error) {
	exporter := config.SpanExporter
	if exporter == nil {
		// The client's own retrying is off: it would hold a batch without anybody knowing.
		var err error
		if exporter, err = newOTLPExporter(otlptracegrpc.NewClient(
			otlptracegrpc.WithGRPCConn(conn), otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}))); err != nil {
			return nil, fmt.Errorf("make the OTLP trace exporter for %s: %w", config.OTLPEndpoint, err)
		}
	}
	return &spanProcessor{newExportQueue(spanExporter{exporter}, queueOptions{
		items: "spans", lost: "spans_dropped", capacity: config.SpanQueue, interval: config.ExportInterval,
		endpoint: config.OTLPEndpoint, logger: logger,
		processed: catalogue.SpansProcessed, exported: catalogue.SpansExported,
		queueSize: catalogue.SpanQueueSize, queueCapacity: catalogue.SpanQueueCapacity,
	}, metrics)}, nil
}

// OnStart implements sdktrace.SpanProcessor.
func (p *spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor. It never waits.
func (p *spanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		p.put(s)
	}
}

type spanExporter struct{ sdktrace.SpanExporter }

func (e spanExporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return e.ExportSpans(ctx, withoutSecrets(spans))
}

// logProcessor queues log records.
type logProcessor struct{ *exportQueue[sdklog.Record] }

func newLogProcessor(conn *grpc.ClientConn, config Config, metrics *Metrics, logger *slog.Logger) (*logProcessor, error) {
	exporter, err := otlploggrpc.New(context.Background(),
		otlploggrpc.WithGRPCConn(conn), otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("make the OTLP log exporter for %s: %w", config.OTLPEndpoint, err)
	}
	return &logProcessor{newExportQueue(logExporter{exporter}, queueOptions{
		items: "log lines", lost: "log_lines_dropped", capacity: config.LogQueue, interval: config.ExportInterval,
		endpoint: config.OTLPEndpoint, logger: logger,
		processed: catalogue.LogsProcessed, exported: catalogue.LogsExported,
		queueSize: catalogue.LogQueueSize, queueCapacity: catalogue.LogQueueCapacity,
	}, metrics)}, nil
}

// Enabled implements sdklog.Processor. The handler has looked at the level.
func (p *logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements sdklog.Processor. It never waits.
func (p *logProcessor) OnEmit(_ context.Context, record *sdklog.Record) error {
	p.put(record.Clone())
	return nil
}

type logExporter struct{ *otlploggrpc.Exporter }

func (e logExporter) export(ctx context.Context, records []sdklog.Record) error {
	return e.Export(ctx, records)
}
