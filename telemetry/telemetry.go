// Package telemetry instruments a Fiber and bun service: traces, metrics, logs and the links between them, by the stable
// OpenTelemetry conventions. It imports nothing of the service, so another service can take it as it is, in ten lines:
// docs/adopting-telemetry.md.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// scope is the instrumentation scope of the spans made here.
const scope = "github.com/farmersmarket/platform/telemetry"

// defaultQueue is how many spans, and how many log lines, wait for the collector.
const defaultQueue = 8192

const defaultShutdown = 5 * time.Second

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
	// SampleRatio is the share of traces that is recorded, from 0 to 1.
	SampleRatio float64
	// BelieveCallers records the traces that callers say they sample, and no others of theirs. It is for a service that only
	// services of ours can call: whoever sends a traceparent decides what is seen of it.
	BelieveCallers bool
	// SpanQueue bounds the spans waiting for the collector. Default 8192.
	SpanQueue int
	// ExportLogs sends log lines to the collector too, besides writing them.
	ExportLogs bool
	// LogQueue bounds the log lines waiting for the collector. Default 8192.
	LogQueue int
	// ExportInterval is the longest that a finished span or a log line waits before it is sent. Default 1 s.
	ExportInterval time.Duration
	// ShutdownTimeout bounds a Shutdown whose context has no deadline. Default 5 s.
	ShutdownTimeout time.Duration

	// Logs is where log lines go. Default standard error. When it fails, lines are lost, and counted.
	Logs io.Writer
	// LogBuffer bounds the log lines that wait for a slow Logs, in bytes. 0: each is written before its logger returns,
	// and a pipe that nobody reads stops the service.
	LogBuffer int
	// LogLevel is the least level that is logged. Default info.
	LogLevel slog.Level
	// Quiet are the route templates that probes ask all the time. They are measured, but traced and logged only when they
	// fail. A 503 is an answer to a probe, and no failure: it is logged as one, and not traced.
	Quiet []string
	// Off leaves all of it out but the lines about errors, to compare with. Routes are still found, and panics caught.
	Off bool
	// AccessLogRatio is the share of successful requests in the access log, from 0 to 1. Errors are always there.
	AccessLogRatio float64
	// ClientAddress finds the address of a client behind proxies, given the connection's and the X-Forwarded-For, its lines
	// joined by commas. Default: the connection's.
	ClientAddress func(peer netip.Addr, forwarded string) netip.Addr
	// FullClientAddress records the addresses of clients as they are. Otherwise it is their networks that are recorded:
	// /24 of IPv4 and /48 of IPv6.
	FullClientAddress bool

	// SlowQuery is the duration from which a database statement is logged. 0: none is.
	SlowQuery time.Duration
	// SlowQueryPlan also logs how the database runs such a statement. It is asked at most once a minute for each.
	SlowQueryPlan bool
}

// Telemetry makes every signal of one service. Its methods are safe for concurrent use.
type Telemetry struct {
	Logger  *slog.Logger
	Metrics *Metrics

	config      Config
	provider    *sdktrace.TracerProvider
	tracer      trace.Tracer
	spans       *spanSource
	lots        lots
	propagator  propagation.TextMapPropagator
	collector   *grpc.ClientConn // nil without one
	exportLogs  *logProcessor    // nil where they are only written
	toCollector slog.Handler     // of lines in which there is nothing to take out; nil without exportLogs
	lines       *lineWriter
	access      *slog.Logger // for requests that succeeded, whose lines can wait
	http        *httpInstruments
	database    *databaseInstruments
	datastores  datastores
	outgoing    *TracedHistogram
	onError     func(context.Context, ErrorEvent)
}

// Start makes the telemetry of a service. It does not wait for the collector, which may be away.
func Start(config Config) (*Telemetry, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("start telemetry of %q: %w", config.Service, err)
	}
	t := &Telemetry{
		Metrics:    NewMetrics(),
		lots:       newLots(),
		config:     config,
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		onError:    func(context.Context, ErrorEvent) {},
	}
	t.lines = newLineWriter(config.Logs, config.LogBuffer, t.Metrics)
	if err := t.startExport(); err != nil {
		return nil, err
	}
	t.http = newHTTPInstruments(t)
	t.database = newDatabaseInstruments(t)
	t.outgoing = t.Metrics.TracedHistogram(catalogue.HTTPClientRequestDuration)
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
		c.OTLPEndpoint, c.SpanExporter, c.SampleRatio, c.ExportLogs = "", nil, 0, false
		c.LogLevel = max(c.LogLevel, slog.LevelError)
	}
	if c.ExportLogs && c.OTLPEndpoint == "" {
		return errors.New("ExportLogs needs an OTLPEndpoint: name one, or export no logs")
	}
	if c.Logs == nil {
		c.Logs = os.Stderr
	}
	if c.SpanQueue == 0 {
		c.SpanQueue = defaultQueue
	}
	if c.LogQueue == 0 {
		c.LogQueue = defaultQueue
	}
	if c.ExportInterval == 0 {
		c.ExportInterval = time.Second
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = defaultShutdown
	}
	return nil
}

// startExport makes the logger and the tracer, and what they send to the collector with.
func (t *Telemetry) startExport() error {
	res, err := describeService(t.config)
	if err != nil {
		return err
	}
	t.spans = &spanSource{
		sampler:  newSampler(t.lots, t.config.SampleRatio, t.config.BelieveCallers),
		resource: res, scope: instrumentation.Scope{Name: scope},
	}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(t.spans.sampler),
		sdktrace.WithIDGenerator(ids{}),
	}
	local := newLogger(t.config, t.lines, nil)
	t.Logger, t.access = local, newLogger(t.config, patientLines{t.lines}, nil)
	if t.config.OTLPEndpoint != "" {
		if t.collector, err = connect(t.config); err != nil {
			return err
		}
	}
	if t.config.ExportLogs {
		// What the queue says of itself is not put into it again.
		if t.exportLogs, err = newLogProcessor(t.collector, t.config, t.Metrics, local); err != nil {
			return err
		}
		provider := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(t.exportLogs))
		t.toCollector = otelslog.NewHandler(scope, otelslog.WithLoggerProvider(provider))
		t.Logger, t.access = newLogger(t.config, t.lines, t.toCollector), newLogger(t.config, patientLines{t.lines}, t.toCollector)
	}
	if t.collector != nil || t.config.SpanExporter != nil {
		if t.spans.finished, err = newSpanProcessor(t.collector, t.config, t.Metrics, t.Logger); err != nil {
			return err
		}
		options = append(options, sdktrace.WithSpanProcessor(t.spans.finished))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	t.spans.provider, t.tracer = t.provider, t.provider.Tracer(scope)
	return nil
}

// TracerProvider makes tracers for libraries that want one.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.provider }

// Propagator reads and writes W3C trace context and baggage.
func (t *Telemetry) Propagator() propagation.TextMapPropagator { return t.propagator }

// MetricsHandler serves /metrics, in the OpenMetrics format with exemplars when the client asks for it.
func (t *Telemetry) MetricsHandler() http.Handler { return t.Metrics.Handler(t.Logger) }

// Shutdown sends what is queued, spans and then log lines, and stops. What cannot be sent by the context's deadline is
// lost: the error, and the last log line, say how much that was.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded { // a collector that is away is asked again and again
		within, cancel := context.WithTimeout(ctx, t.config.ShutdownTimeout)
		defer cancel()
		ctx = within
	}
	flushed := make(chan struct{})
	go func() { // at once: spans that are not taken must not cost the lines their time
		defer close(flushed)
		if t.exportLogs != nil {
			_ = t.exportLogs.ForceFlush(ctx) // Shutdown says what is lost
		}
	}()
	err := t.provider.Shutdown(ctx)
	<-flushed
	if t.exportLogs != nil {
		err = errors.Join(err, t.exportLogs.Shutdown(ctx))
	}
	if t.collector != nil {
		err = errors.Join(err, t.collector.Close())
	}
	if err != nil {
		err = fmt.Errorf("send the last telemetry to %s: %w", t.config.OTLPEndpoint, err)
		t.Logger.Error("telemetry was lost at the end", append(t.unsent(), "error", err.Error())...)
	}
	const local = time.Second // to write what is left, also when the collector took all the time
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), local)
	defer cancel()
	return errors.Join(err, t.lines.close(ctx))
}

// unsent says, for a log line, what was not sent at the end.
func (t *Telemetry) unsent() (fields []any) {
	if t.spans.finished != nil {
		fields = append(fields, t.spans.finished.lost, t.spans.finished.unsent.Load())
	}
	if t.exportLogs != nil {
		fields = append(fields, t.exportLogs.lost, t.exportLogs.unsent.Load())
	}
	return fields
}
