package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/telemetry/redact"
)

// accessLines writes the lines of requests that succeeded: one for each request, nearly all alike. They are as slog
// would write them, byte for byte, and cost a fifth; the collector is told the same. It has no say in what is unusual,
// which goes through slog.
type accessLines struct {
	telemetry *Telemetry
	constant  []byte       // what is between the time and the path in each line about the route
	collector slog.Handler // of lines about the route; nil where they are only written
}

// newAccessLines has slog write a line about the route. nil where slog has to do all.
func newAccessLines(t *Telemetry, r *route) *accessLines {
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
	lines := &accessLines{telemetry: t, constant: append([]byte(`,"level":`), constant...)}
	if t.toCollector != nil {
		lines.collector = about(r, slog.New(t.toCollector)).Handler()
	}
	return lines
}

// write writes the line. It reports false, and writes nothing, when it is not a usual one. In a usual one there is nothing
// to take out.
func (l *accessLines) write(ctx *fasthttp.RequestCtx, buffer *[]byte, status int, x *exchange, end time.Time) bool {
	path, sc := ctx.URI().PathOriginal(), x.span.SpanContext()
	seconds := end.Sub(x.start).Seconds()
	if l == nil || !isPlain(path) || seconds < time.Microsecond.Seconds() || !sc.IsValid() {
		return false
	}
	text := string(path)
	if redact.Path(text) != text {
		return false
	}
	id, span := sc.TraceID(), sc.SpanID()
	b := end.AppendFormat(append((*buffer)[:0], `{"time":"`...), time.RFC3339Nano)
	b = append(append(b, '"'), l.constant...)
	b = append(append(b, `,"url.path":"`...), path...)
	b = strconv.AppendInt(append(b, `","http.response.status_code":`...), int64(status), 10)
	b = strconv.AppendFloat(append(b, `,"http.server.request.duration":`...), seconds, 'f', -1, 64)
	b = append(b, `,"client.address":"`...)
	address := len(b)
	b = l.telemetry.appendClientAddress(b, ctx)
	afterAddress := len(b)
	b = hex.AppendEncode(append(b, `","trace_id":"`...), id[:])
	b = hex.AppendEncode(append(b, `","span_id":"`...), span[:])
	b = append(b, "\"}\n"...)
	*buffer = b
	_, _ = l.telemetry.lines.put(b, true) // it never fails
	if l.collector != nil {
		_ = l.collector.Handle(x, accessRecord(slog.LevelInfo, end, text, status, seconds, string(b[address:afterAddress])))
	}
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
