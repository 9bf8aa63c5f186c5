package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// newLogger writes JSON lines that carry the ids of the trace in whose context they are logged.
func newLogger(config Config, lines io.Writer) *slog.Logger {
	handler := slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: config.LogLevel})
	return slog.New(&traceHandler{handler}).With("service", config.Service)
}

// traceHandler adds trace_id and span_id.
type traceHandler struct{ slog.Handler }

func (h *traceHandler) Handle(ctx context.Context, record slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		record.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h *traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h *traceHandler) WithGroup(name string) slog.Handler {
	return &traceHandler{h.Handler.WithGroup(name)}
}
