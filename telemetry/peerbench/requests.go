package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ansrivas/fiberprometheus/v2"
	"github.com/gofiber/contrib/otelfiber/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/farmersmarket/platform/telemetry"
)

// benchRequest has the two headers that hardly a client leaves out. The peer's cost grows with each, ours does not.
const benchRequest = "GET /api/v1/farms/7 HTTP/1.1\r\nHost: market.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\r\n"

// contender is one way to run the same route.
type contender struct {
	name    string
	handler fasthttp.RequestHandler
	ctx     *fasthttp.RequestCtx

	times  []float64 // ns a request, by turn
	allocs []float64
}

// forgetful is a span exporter that does nothing, so that only recording and queueing are measured.
type forgetful struct{}

func (forgetful) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (forgetful) Shutdown(context.Context) error                             { return nil }

// compareRequests lets a bare Fiber app, one with our instrumentation and one with the peer's take turns.
func compareRequests(ctx context.Context, aims *aims, rounds, requests int) error {
	for _, c := range []struct{ ratio, cost, allocs float64 }{{0.1, 0.15, 6}, {1, 0.25, 20}} {
		contenders, stop, err := newContenders(c.ratio)
		if err != nil {
			return err
		}
		for range rounds {
			for i := range contenders {
				contenders[i].turn(requests)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		stop()
		reportRequests(aims, contenders, c.ratio, c.cost, c.allocs)
	}
	return nil
}

func newContenders(ratio float64) (all []contender, stop func(), err error) {
	bare := newApp()
	ours, stopOurs, err := newOurs(ratio)
	if err != nil {
		return nil, nil, err
	}
	peers, stopPeers := newPeers(ratio)
	for name, handler := range map[string]fasthttp.RequestHandler{
		"bare Fiber": bare.Handler(), "telemetry": ours, "otelfiber + fiberprometheus": peers,
	} {
		reused := &fasthttp.RequestCtx{}
		reused.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}, nil)
		if err := reused.Request.Read(bufio.NewReader(strings.NewReader(benchRequest))); err != nil {
			return nil, nil, fmt.Errorf("read the benchmark's own request: %w", err)
		}
		all = append(all, contender{name: name, handler: handler, ctx: reused})
	}
	slices.SortFunc(all, func(a, b contender) int { return strings.Compare(a.name, b.name) })
	return all, func() { stopOurs(); stopPeers() }, nil
}

func newApp(middlewares ...fiber.Handler) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	for _, middleware := range middlewares {
		app.Use(middleware)
	}
	addRoute(app)
	return app
}

func addRoute(app *fiber.App) {
	app.Get("/api/v1/farms/:id", func(c *fiber.Ctx) error {
		return c.JSON(map[string]any{"id": c.Params("id"), "name": "Green Acres", "verified": true, "products": 12})
	})
}

func newOurs(ratio float64) (fasthttp.RequestHandler, func(), error) {
	tel, err := telemetry.Start(telemetry.Config{
		Service: "bench", SpanExporter: forgetful{}, SampleRatio: ratio, Logs: io.Discard, LogLevel: slog.LevelError,
	})
	if err != nil {
		return nil, nil, err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	tel.Use(app)
	addRoute(app)
	tel.Instrument(app)
	return app.Server().Handler, func() { _ = tel.Shutdown(context.Background()) }, nil
}

// newPeers mounts them in the order in which they give exemplars.
func newPeers(ratio float64) (fasthttp.RequestHandler, func()) {
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))), sdktrace.WithBatcher(forgetful{}))
	metrics := fiberprometheus.NewWithRegistry(prometheus.NewRegistry(), "bench", "", "", nil)
	app := newApp(
		otelfiber.Middleware(otelfiber.WithTracerProvider(provider), otelfiber.WithPropagators(
			propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))),
		metrics.Middleware,
	)
	return app.Handler(), func() { _ = provider.Shutdown(context.Background()) }
}

// turn sends the requests and notes what one took.
func (c *contender) turn(requests int) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range requests {
		c.handler(c.ctx)
		c.ctx.Response.Reset()
		c.ctx.ResetUserValues()
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	c.times = append(c.times, float64(took.Nanoseconds())/float64(requests))
	c.allocs = append(c.allocs, float64(after.Mallocs-before.Mallocs)/float64(requests))
}

func reportRequests(aims *aims, contenders []contender, ratio, cost, allocs float64) {
	bare, peer, ours := contenders[0], contenders[1], contenders[2]
	name := fmt.Sprintf("at %.0f %% sampling", ratio*100)
	fmt.Printf("One JSON route, traces, metrics and exemplars, %s; median of %d turns\n\n", name, len(bare.times))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tns/request\tallocs\tadded ns\tadded allocs")
	for _, c := range []contender{bare, peer, ours} {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.0f\t%.1f\n", c.name, median(c.times), median(c.allocs),
			median(c.times)-median(bare.times), median(c.allocs)-median(bare.allocs))
	}
	_ = w.Flush()
	added := (median(ours.times) - median(bare.times)) / (median(peer.times) - median(bare.times))
	fmt.Printf("added cost, of the peer's: %s\n", aims.atMost("added cost "+name, added, cost))
	fmt.Printf("added allocations: %s\n\n", aims.atMost("added allocations "+name, median(ours.allocs)-median(bare.allocs), allocs))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
