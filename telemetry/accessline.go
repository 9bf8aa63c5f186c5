package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/redact"
)

// accessLines writes the lines of requests that succeeded: one for each request, nearly all alike. They are as slog
// would write them, byte for byte, and cost a fifth. It has no say in what is unusual, which goes through slog.
type accessLines struct {
	telemetry *Telemetry
	constant  []byte // what is between the time and the path in each line about the route
}

// newAccessLines has slog write a line about the route. nil where slog has to do all: lines are exported as well.
func newAccessLines(t *Telemetry, r *route) *accessLines {
	if t.exportLogs != nil {
		return nil
	}
	var line bytes.Buffer
	logger := about(r, newLogger(t.config, &line, nil))
	if !logger.Enabled(context.Background(), slog.LevelInfo) {
		return nil
	}
	logger.Info("request")
	_, constant, found := bytes.Cut(bytes.TrimSuffix(line.Bytes(), []byte("}\n")), []byte(`,"level":`))
	if !found {
		return nil
	}
	return &accessLines{telemetry: t, constant: append([]byte(`,"level":`), constant...)}
}

// write writes the line. It reports false, and writes nothing, when it is not a usual one.
func (l *accessLines) write(ctx *fasthttp.RequestCtx, buffer *[]byte, status int, sc trace.SpanContext, start, end time.Time) bool {
	path := ctx.URI().PathOriginal()
	seconds := end.Sub(start).Seconds()
	if l == nil || !isPlain(path) || seconds < time.Microsecond.Seconds() || !sc.IsValid() {
		return false
	}
	if text := string(path); redact.Path(text) != text {
		return false
	}
	id, span := sc.TraceID(), sc.SpanID()
	b := end.AppendFormat(append((*buffer)[:0], `{"time":"`...), time.RFC3339Nano)
	b = append(append(b, '"'), l.constant...)
	b = append(append(b, `,"url.path":"`...), path...)
	b = strconv.AppendInt(append(b, `","http.response.status_code":`...), int64(status), 10)
	b = strconv.AppendFloat(append(b, `,"http.server.request.duration":`...), seconds, 'f', -1, 64)
	b = l.telemetry.appendClientAddress(append(b, `,"client.address":"`...), ctx)
	b = hex.AppendEncode(append(b, `","trace_id":"`...), id[:])
	b = hex.AppendEncode(append(b, `","span_id":"`...), span[:])
	b = append(b, "\"}\n"...)
	*buffer = b
	_, _ = l.telemetry.lines.put(b, true) // it never fails
	return true
}

// isPlain says that JSON writes the text as it is.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
