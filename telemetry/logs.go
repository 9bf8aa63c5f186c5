package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// newLogger writes JSON lines that carry the ids of the trace in whose context they are logged, and hands them to the
// collector where there is one. Secrets are taken out once, before both.
func newLogger(config Config, lines io.Writer, collector slog.Handler) *slog.Logger {
	options := &slog.HandlerOptions{Level: config.LogLevel}
	var handler slog.Handler = traceHandler{slog.NewJSONHandler(lines, options)}
	handler = handler.WithAttrs([]slog.Attr{slog.String("service", config.Service)}) // the collector has it in the resource
	if collector != nil {
		handler = teeHandler{handler, collector}
	}
	return slog.New(redactHandler{handler})
}

// traceHandler adds trace_id and span_id.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, record slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		id, span := sc.TraceID(), sc.SpanID()
		both := hex.EncodeToString(append(id[:], span[:]...))
		record.AddAttrs(slog.String("trace_id", both[:2*len(id)]), slog.String("span_id", both[2*len(id):]))
	}
	return h.Handler.Handle(ctx, record)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}

// teeHandler hands each line to two handlers. The first decides about the level.
type teeHandler struct{ lines, collector slog.Handler }

func (h teeHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.lines.Enabled(ctx, level)
}

func (h teeHandler) Handle(ctx context.Context, record slog.Record) error {
	return errors.Join(h.lines.Handle(ctx, record.Clone()), h.collector.Handle(ctx, record))
}

func (h teeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return teeHandler{h.lines.WithAttrs(attrs), h.collector.WithAttrs(attrs)}
}

func (h teeHandler) WithGroup(name string) slog.Handler {
	return teeHandler{h.lines.WithGroup(name), h.collector.WithGroup(name)}
}
