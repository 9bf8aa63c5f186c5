package telemetry

import (
	"errors"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// slowRequest is the duration from which a request is logged whatever the access log's ratio: the API's target is a
// p95 under 500 ms.
const slowRequest = 500 * time.Millisecond

func (h *httpInstruments) logAccess(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time) {
	level, wanted := h.accessLevel(x, o, end)
	if !wanted {
		return
	}
	logger := x.route.access
	if level > slog.LevelInfo {
		logger = about(x.route, h.telemetry.Logger)
	}
	usual := level == slog.LevelInfo && o.errorType == "" && x.fault == "" && x.err == nil
	if !logger.Enabled(x, level) || usual && h.writeAccess(ctx, x, o, end) {
		return
	}
	record := accessRecord(level, end, string(ctx.URI().PathOriginal()), o.status, end.Sub(x.start).Seconds(),
		string(h.telemetry.appendClientAddress(nil, ctx)))
	record.AddAttrs(x.failure(o)...)
	_ = logger.Handler().Handle(x, record) // as the logger does
}

// accessRecord is a line about a request. A logger would look up its caller, and the time again.
func accessRecord(level slog.Level, end time.Time, path string, status int, seconds float64, client string) slog.Record {
	record := slog.NewRecord(end, level, "request", 0)
	record.AddAttrs(
		slog.String("url.path", path),
		slog.Int("http.response.status_code", status),
		slog.Float64("http.server.request.duration", seconds),
		slog.String("client.address", client),
	)
	return record
}

// accessLevel says at which level the request is logged, and whether it is at all.
func (h *httpInstruments) accessLevel(x *exchange, o outcome, end time.Time) (level slog.Level, wanted bool) {
	switch {
	case o.failed() && x.quietly(o):
		return slog.LevelInfo, true
	case o.failed():
		return slog.LevelError, true
	case end.Sub(x.start) >= slowRequest:
		return slog.LevelWarn, true
	case o.errorType != "":
		return slog.LevelInfo, true
	}
	return slog.LevelInfo, !x.route.quiet && h.logsSuccess(x.span.SpanContext().TraceID())
}

// failure is what a line says of a request that did not just succeed.
func (x *exchange) failure(o outcome) (attrs []slog.Attr) {
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
	return attrs
}

func (h *httpInstruments) writeAccess(ctx *fasthttp.RequestCtx, x *exchange, o outcome, end time.Time) bool {
	buffer := h.texts.Get().(*[]byte) //nolint:errcheck // nothing else is in the pool
	defer h.texts.Put(buffer)
	return x.route.lines.write(ctx, buffer, o.status, x, end)
}

// about is a logger of lines about requests for the route. It has written what is the same in all of them.
func about(r *route, logger *slog.Logger) *slog.Logger {
	return logger.With(slog.String("http.request.method", r.method), slog.String("http.route", r.label()))
}

// logsSuccess decides by the trace id, so that a trace's lines are all kept or all left out.
func (h *httpInstruments) logsSuccess(id trace.TraceID) bool {
	return h.telemetry.lots.choose(id, h.telemetry.config.AccessLogRatio)
}
