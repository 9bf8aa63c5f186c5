// Package telemetry instruments a Fiber and bun service: traces, metrics, logs and the links between them, by the stable
// OpenTelemetry conventions. It imports nothing of the service, so another service can take it as it is:
//
//	tel, err := telemetry.Start(telemetry.Config{Service: "orders", OTLPEndpoint: "127.0.0.1:4317"})
//	if err != nil { ... }
//	defer tel.Shutdown(ctx)
//	app := fiber.New()
//	tel.Use(app)               // before any other middleware
//	... register routes ...
//	err = tel.Instrument(app)  // after the last route, before listening
//	db.AddQueryHook(tel.DatabaseHook("postgresql"))
//	admin.Handle("/metrics", tel.MetricsHandler())
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// scope is the instrumentation scope of the spans made here.
const scope = "github.com/farmersmarket/platform/telemetry"

// Config says what is instrumented and where its telemetry goes. Only Service is required.
type Config struct {
	Service     string // service.name
	Version     string // service.version
	Revision    string // commit the service was built from
	Environment string // deployment.environment.name

	// OTLPEndpoint is the host:port of an OpenTelemetry Collector that takes OTLP over gRPC. Empty: spans are recorded
	// for logs and exemplars, and exported nowhere.
	OTLPEndpoint string
	// SpanExporter takes the spans instead of a collector at OTLPEndpoint. Default none.
	SpanExporter sdktrace.SpanExporter
	// OTLPInsecure sends without TLS.
	OTLPInsecure bool
	// SampleRatio is the share of new traces that is recorded, from 0 to 1. Incoming sampled traces always are.
	SampleRatio float64
	// SpanQueue bounds the spans waiting for the collector. Default 8192.
	SpanQueue int
	// ExportInterval is the longest that a finished span waits before it is sent. Default 1 s.
	ExportInterval time.Duration

	// Logs is where log lines go. Default standard error.
	Logs io.Writer
	// LogLevel is the least level that is logged. Default info.
	LogLevel slog.Level
	// Quiet are the route templates that probes ask all the time. They are measured, but not traced, and logged only when
	// they fail.
	Quiet []string
	// Off leaves all of it out but the lines about errors, to compare with. Routes are still found, and panics caught.
	Off bool
	// AccessLogRatio is the share of successful requests in the access log, from 0 to 1. Errors are always there.
	AccessLogRatio float64
}

// Telemetry makes every signal of one service. Its methods are safe for concurrent use.
type Telemetry struct {
	Logger  *slog.Logger
	Metrics *Metrics

	config     Config
	access     *slog.Logger // for requests that succeeded, whose lines can wait
	lines      *logLines
	provider   *sdktrace.TracerProvider
	sampler    sdktrace.Sampler
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	spans      *spanQueue
	http       *httpInstruments
	database   *databaseInstruments
}

// Start makes the telemetry of a service. It does not wait for the collector, which may be away.
func Start(config Config) (*Telemetry, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("start telemetry of %q: %w", config.Service, err)
	}
	lines := newLogLines(config.Logs)
	t := &Telemetry{
		Logger:     newLogger(config, urgentLines{lines}),
		access:     newLogger(config, lines),
		lines:      lines,
		Metrics:    newMetrics(),
		config:     config,
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
	if err := t.startTraces(); err != nil {
		return nil, err
	}
	t.http = newHTTPInstruments(t)
	t.database = newDatabaseInstruments(t)
	t.Metrics.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	t.Metrics.Gauge(catalogue.BuildInfo).
		WithLabelValues(config.Version, config.Revision, goVersion(), config.Environment).Set(1)
	return t, nil
}

func (c *Config) complete() error {
	if c.Service == "" {
		return errors.New("the Service is empty: name it")
	}
	for name, ratio := range map[string]float64{"SampleRatio": c.SampleRatio, "AccessLogRatio": c.AccessLogRatio} {
		if ratio < 0 || ratio > 1 {
			return fmt.Errorf("%s is %v: it must be from 0 to 1", name, ratio)
		}
	}
	if c.Off {
		c.OTLPEndpoint, c.SpanExporter, c.SampleRatio = "", nil, 0
		c.LogLevel = max(c.LogLevel, slog.LevelError)
	}
	if c.Logs == nil {
		c.Logs = os.Stderr
	}
	if c.SpanQueue == 0 {
		c.SpanQueue = 8192
	}
	if c.ExportInterval == 0 {
		c.ExportInterval = time.Second
	}
	return nil
}

func (t *Telemetry) startTraces() error {
	attributes := []attribute.KeyValue{
		semconv.ServiceName(t.config.Service),
		semconv.ServiceVersion(t.config.Version),
		semconv.DeploymentEnvironmentName(t.config.Environment),
	}
	if t.config.Revision != "" { // it was built outside of git
		attributes = append(attributes, semconv.VCSRefHeadRevision(t.config.Revision))
	}
	res, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(attributes...))
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return fmt.Errorf("describe the service as an OpenTelemetry resource: %w", err)
	}
	t.sampler = sdktrace.ParentBased(sdktrace.TraceIDRatioBased(t.config.SampleRatio))
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(t.sampler),
		sdktrace.WithIDGenerator(ids{}),
	}
	exporter := t.config.SpanExporter
	if exporter == nil && t.config.OTLPEndpoint != "" {
		if exporter, err = newExporter(t.config); err != nil {
			return err
		}
	}
	if exporter != nil {
		t.spans = newSpanQueue(exporter, t.config, t.Metrics, t.Logger)
		options = append(options, sdktrace.WithSpanProcessor(t.spans))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	t.tracer = t.provider.Tracer(scope)
	return nil
}

func newExporter(config Config) (sdktrace.SpanExporter, error) {
	// The span queue does the retrying: the exporter's own would hold a batch without anybody knowing.
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(config.OTLPEndpoint),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}),
		otlptracegrpc.WithDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetry, Multiplier: 2, Jitter: 0.2, MaxDelay: slowestRetry},
			MinConnectTimeout: slowestRetry,
		})),
	}
	if config.OTLPInsecure {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	exporter, err := newOTLPExporter(otlptracegrpc.NewClient(options...))
	if err != nil {
		return nil, fmt.Errorf("make the OTLP trace exporter for %s: %w", config.OTLPEndpoint, err)
	}
	return exporter, nil
}

// TracerProvider makes tracers for libraries that want one.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.provider }

// Propagator reads and writes W3C trace context and baggage.
func (t *Telemetry) Propagator() propagation.TextMapPropagator { return t.propagator }

// MetricsHandler serves /metrics, in the OpenMetrics format with exemplars when the client asks for it.
func (t *Telemetry) MetricsHandler() http.Handler {
	return newExposition(t.Metrics.registry, t.Logger)
}

// Shutdown sends what is queued and stops. It returns by the context's deadline, with an error that says how many spans
// were lost.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	defer t.lines.close()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("flush traces to %s: %w", t.config.OTLPEndpoint, err)
	}
	return nil
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}

// Registerer lets the service add collectors of libraries that bring their own.
func (t *Telemetry) Registerer() prometheus.Registerer { return t.Metrics.registry }
