package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/telemetry"
)

const (
	scrapedRoutes   = 1000
	hostileRequests = 100_000
)

// measureScrape times /metrics of a service with a thousand routes that have answered in several ways, before and after
// hostile traffic.
func measureScrape(ctx context.Context, aims *aims) error {
	tel, err := telemetry.Start(telemetry.Config{
		Service: "bench", SpanExporter: forgetful{}, SampleRatio: 1, Logs: io.Discard, LogLevel: slog.LevelError + 1,
	})
	if err != nil {
		return err
	}
	defer func() { _ = tel.Shutdown(context.WithoutCancel(ctx)) }()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	tel.Use(app)
	statuses := []int{200, 400, 404, 422, 500}
	for i := range scrapedRoutes {
		app.Get(fmt.Sprintf("/api/v1/things-%d/:id", i), func(c *fiber.Ctx) error {
			return c.SendStatus(statuses[len(c.Params("id"))%len(statuses)])
		})
	}
	tel.Instrument(app, telemetry.WithOutcomes(func(string, string) []int { return statuses }))
	handle := app.Server().Handler
	for i := range scrapedRoutes {
		for n := range statuses {
			request(handle, fmt.Sprintf("/api/v1/things-%d/%s", i, "xxxxx"[:n+1]), "bench")
		}
	}
	handler := tel.MetricsHandler()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Printf("/metrics of %d routes with %d outcomes each, with exemplars\n\n", scrapedRoutes, len(statuses))
	fmt.Fprintln(w, "\tms\tCPU ms\tbytes\tgzipped")
	before := scrape(ctx, handler)
	size := len(before.plain)
	fmt.Fprintf(w, "as it is\t%.1f\t%.1f\t%d\t%d\n", before.milliseconds, before.cpu, size, before.gzipped)
	for i := range hostileRequests {
		request(handle, fmt.Sprintf("/api/v%d/things-%d/%d", i%3, i, i), fmt.Sprintf("agent-%d", i))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	after := scrape(ctx, handler)
	fmt.Fprintf(w, "after %d hostile requests\t%.1f\t%.1f\t%d\t%d\n", hostileRequests, after.milliseconds, after.cpu, len(after.plain), after.gzipped)
	_ = w.Flush()
	fmt.Printf("scrape in ms: %s\n", aims.atMost("a scrape in ms", max(before.milliseconds, after.milliseconds), 50))
	fmt.Printf("growth of the size: %s\n\n", aims.atMost("the size after hostile traffic", float64(len(after.plain))/float64(size), 1.01))
	return nil
}

func request(handle fasthttp.RequestHandler, path, agent string) {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}, nil)
	ctx.Request.SetRequestURI(path)
	ctx.Request.Header.SetUserAgent(agent)
	ctx.Request.Header.SetHost(agent + ".example")
	handle(ctx)
}

type scraped struct {
	milliseconds float64 // median of several
	cpu          float64 // milliseconds of one, the mean of several: what it is when nobody else wants the cores
	plain        []byte
	gzipped      int
}

// scrape asks as Prometheus does: for OpenMetrics, compressed.
func scrape(ctx context.Context, handler http.Handler) scraped {
	ask := func(encoding string) []byte {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody)
		r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
		r.Header.Set("Accept-Encoding", encoding)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		return recorder.Body.Bytes()
	}
	const scrapes = 15
	var times []float64
	var gzipped []byte
	used := cpuTime()
	for range scrapes {
		start := time.Now()
		gzipped = ask("gzip")
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	cpu := float64((cpuTime() - used).Microseconds()) / 1000 / scrapes
	return scraped{median(times), cpu, ask("identity"), len(gzipped)}
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
