package telemetry

import (
	"bytes"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"
)

// A line that is written without slog must be the line that slog would have written, here and at the collector.
func TestAccessLinesAreByteForByteAsSlogWritesThem(t *testing.T) {
	written, background := 0, t.Context()
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		tel, err := Start(Config{
			Service: rapid.StringMatching(`[a-z"é]{1,9}`).Draw(t, "service"), Logs: &out, AccessLogRatio: 1,
			FullClientAddress: rapid.Bool().Draw(t, "full"),
		})
		require.NoError(t, err)
		var told bytes.Buffer
		tel.toCollector = traceHandler{slog.NewJSONHandler(&told, nil)}
		tel.access = newLogger(tel.config, patientLines{tel.lines}, tel.toCollector)
		r := &route{method: "GET", template: rapid.SampledFrom([]string{"", "/farms/{id}", `/a"b`}).Draw(t, "route")}
		r.access, r.lines = about(r, tel.access), newAccessLines(tel, r)
		ctx := &fasthttp.RequestCtx{}
		ip := net.IP(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip"))
		ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: ip}, nil)
		ctx.Request.SetRequestURI("/" + rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9/<>&'@=._-]{0,50}`)).Draw(t, "path"))
		x := &exchange{route: r, start: time.Now()}
		x.Context = trace.ContextWithSpanContext(background, trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: newSpanID()}))
		x.span = trace.SpanFromContext(x.Context)
		end := x.start.Add(time.Duration(rapid.Int64Range(0, int64(400*time.Millisecond)).Draw(t, "duration")))
		o := outcome{status: rapid.IntRange(200, 399).Draw(t, "status")}

		if !tel.http.writeAccess(ctx, x, o, end) {
			return
		}
		written++
		got, gotTold := out.String(), told.String()
		out.Reset()
		told.Reset()
		r.lines = nil
		tel.http.logAccess(ctx, x, o, end)
		require.Equal(t, out.String(), got)
		require.NotEmpty(t, gotTold)
		require.Equal(t, told.String(), gotTold)
	})
	require.Greater(t, written, 10)
}
