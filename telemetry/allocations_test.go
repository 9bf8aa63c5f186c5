package telemetry_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/farmersmarket/platform/telemetry"
)

type forgetful struct{}

func (forgetful) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (forgetful) Shutdown(context.Context) error                             { return nil }

// What is added to a bare handler must stay within its budget, whatever is added to the instrumentation. There is room
// for the race detector, under which pools forget.
func TestARequestCostsFewAllocations(t *testing.T) {
	for name, c := range map[string]struct {
		config  telemetry.Config
		headers string
		most    float64
	}{
		"that is not sampled":                     {telemetry.Config{SampleRatio: 0}, "", 6},
		"that is sampled":                         {telemetry.Config{SampleRatio: 1}, "", 12},
		"that its caller has sampled":             {telemetry.Config{BelieveCallers: true}, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", 20},
		"that is neither sampled nor measured":    {telemetry.Config{Off: true}, "", 1},
		"with a query, an agent and much to hide": {telemetry.Config{SampleRatio: 1}, "Cookie: secret\r\nAccept: */*\r\n", 12},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Service, c.config.Logs, c.config.LogLevel, c.config.SpanExporter = "test", io.Discard, slog.LevelError, forgetful{}
			tel, err := telemetry.Start(c.config)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
			bare, measured := fiber.New(), fiber.New()
			tel.Use(measured)
			for _, app := range []*fiber.App{bare, measured} {
				app.Get("/farms/:id", func(c *fiber.Ctx) error { return c.SendString("a farm") })
			}
			tel.Instrument(measured)
			added := allocations(t, measured.Server().Handler, c.headers) - allocations(t, bare.Handler(), c.headers)
			require.LessOrEqual(t, added, c.most)
		})
	}
}

func allocations(t *testing.T, handler fasthttp.RequestHandler, headers string) float64 {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, nil)
	require.NoError(t, ctx.Request.Read(bufio.NewReader(strings.NewReader(
		"GET /farms/7?page=2 HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\n"+headers+"\r\n"))))
	return testing.AllocsPerRun(1000, func() {
		handler(ctx)
		ctx.Response.Reset()
		ctx.ResetUserValues()
	})
}
