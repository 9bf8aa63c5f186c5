package telemetry

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// slowRequest is the duration from which a request is logged whatever the access log's ratio: the API's target is a
// p95 under 500 ms.
const slowRequest = 500 * time.Millisecond

func (h *httpInstruments) logAccess(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time) {
	duration := end.Sub(x.start)
	logger, level := x.route.access, slog.LevelInfo
	switch {
	case x.route.quiet && o.status == fiber.StatusServiceUnavailable: // a probe is told to stay away, as in every stop
	case o.failed():
		level = slog.LevelError
	case duration >= slowRequest:
		level = slog.LevelWarn
	case o.errorType != "":
	case x.route.quiet || !h.logsSuccess(x.span.SpanContext().TraceID()):
		return
	}
	if level > slog.LevelInfo {
		logger = about(x.route, h.telemetry.Logger)
	}
	if !logger.Enabled(x, level) {
		return
	}
	if level == slog.LevelInfo && o.errorType == "" && x.fault == "" && x.err == nil && h.writeAccess(ctx, x, o, end) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("url.path", string(ctx.URI().PathOriginal())),
		slog.Int("http.response.status_code", o.status),
		slog.Float64("http.server.request.duration", duration.Seconds()),
		slog.String("client.address", h.telemetry.clientAddress(ctx.RemoteIP())),
	)
	if o.errorType != "" {
		attrs = append(attrs, slog.String("error.type", o.errorType))
	}
	if x.fault != "" {
		attrs = append(attrs, slog.String(catalogue.FaultInjected, x.fault))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	var p *PanicError
	if errors.As(x.err, &p) {
		attrs = append(attrs, slog.String("stack", p.Stack))
	}
	record := slog.NewRecord(end, level, "request", 0) // the logger would look up its caller, and the time again
	record.AddAttrs(attrs...)
	_ = logger.Handler().Handle(x, record) // as the logger does
}

func (h *httpInstruments) writeAccess(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time) bool {
	d := h.descriptions.Get().(*description) //nolint:errcheck // nothing else is in the pool
	written := x.route.lines.write(ctx, d, o.status, x.span.SpanContext(), x.start, end)
	d.reset()
	h.descriptions.Put(d)
	return written
}

// about is a logger of lines about requests for the route. It has written what is the same in all of them.
func about(r *route, logger *slog.Logger) *slog.Logger {
	return logger.With(slog.String("http.request.method", r.method), slog.String("http.route", r.label()))
}

// logsSuccess decides by the trace id, so that a trace's lines are all kept or all left out.
func (h *httpInstruments) logsSuccess(id trace.TraceID) bool {
	const scale = 1 << 16
	low := int(id[14])<<8 | int(id[15])
	return float64(low) < h.telemetry.config.AccessLogRatio*scale
}
