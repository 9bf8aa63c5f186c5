package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/faults"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

// BenchmarkCachedProducts sends GET /api/v1/products over real connections that are kept alive, to the whole service with
// every trace, exemplar and access-log line on, and to a bare Fiber handler that sends the same bytes. They take turns, so
// that whatever else the machine does befalls both. It reports the requests a second of each and their ratio, which is to
// be at least 0.6.
func BenchmarkCachedProducts(b *testing.B) {
	full := startFull(b)
	body := exchangeOnce(b, full)
	bare := startBare(b, body)
	drive(b, full) // warm up
	drive(b, bare)
	var counts turns
	var fullCPU, bareCPU time.Duration
	b.ResetTimer()
	for range b.N {
		start := cpuTime(b)
		bareCount := drive(b, bare)
		between := cpuTime(b)
		counts.add(drive(b, full), bareCount)
		bareCPU += between - start
		fullCPU += cpuTime(b) - between
	}
	counts.report(b, cachedTurn, "service-req/s", "bare-req/s")
	// Unlike the requests a second, these say the same on a machine that has other work.
	b.ReportMetric(float64(bareCPU.Microseconds())/sum(counts.bare), "bare-cpu-µs/req")
	b.ReportMetric(float64(fullCPU.Microseconds())/sum(counts.own), "service-cpu-µs/req")
	b.ReportMetric(0, "ns/op")
}

// turns are what two sides did in their turns, one after the other.
type turns struct{ own, bare []float64 }

func (t *turns) add(own, bare int) {
	t.own, t.bare = append(t.own, float64(own)), append(t.bare, float64(bare))
}

// report reports what each side did in a second, and the median of the turns' ratios: a turn in which the machine did
// something else has no say.
func (t *turns) report(b *testing.B, turn time.Duration, own, bare string) {
	b.Helper()
	seconds := float64(len(t.own)) * turn.Seconds()
	b.ReportMetric(sum(t.bare)/seconds, bare)
	b.ReportMetric(sum(t.own)/seconds, own)
	ratios := make([]float64, len(t.own))
	for i := range ratios {
		ratios[i] = t.own[i] / t.bare[i]
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// cachedTurn is how long each server is asked before it is the other's turn.
const cachedTurn = 500 * time.Millisecond

// cpuTime is what the process, servers and clients, has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// startFull starts the service on SQLite with the seed's catalogue, its traces going to a collector.
func startFull(b *testing.B) string {
	b.Helper()
	db, err := store.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "market.db"), store.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	_, err = migrations.Migrate(b.Context(), db.DB())
	require.NoError(b, err)
	_, err = seed.Load(b.Context(), db)
	require.NoError(b, err)
	logs, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(b, err)
	tel, err := telemetry.Start(telemetry.Config{
		Service: "market-api", OTLPEndpoint: startCollector(b), OTLPInsecure: true, SampleRatio: 1, AccessLogRatio: 1, Logs: logs,
	})
	require.NoError(b, err)
	kept, err := cache.New(cache.Options{MaxBytes: 1 << 26, TTL: time.Hour, Telemetry: tel})
	require.NoError(b, err)
	app, err := api.New(api.Options{
		Catalogue: market.NewCatalogue(cache.NewCatalogue(kept, db)), Cache: kept, Telemetry: tel, Faults: &faults.Injector{},
		Health: health.New(tel), Environment: "test", BodyLimit: 1 << 20, RequestTimeout: 5 * time.Second,
	})
	require.NoError(b, err)
	return listen(b, app)
}

func startBare(b *testing.B, body []byte) string {
	b.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/api/v1/products", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	return listen(b, app)
}

func listen(b *testing.B, app *fiber.App) string {
	b.Helper()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go func() { _ = app.Listener(listener) }()
	b.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return listener.Addr().String()
}

// startCollector takes traces as a collector does, and forgets them unread: what a collector does with them is its own
// cost.
func startCollector(b *testing.B) string {
	b.Helper()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(forgetful{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(nil); err != nil {
			return err
		}
		return stream.SendMsg(nil)
	}))
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(server.Stop)
	return listener.Addr().String()
}

type forgetful struct{}

var _ encoding.CodecV2 = forgetful{}

func (forgetful) Marshal(any) (mem.BufferSlice, error) { return nil, nil }
func (forgetful) Unmarshal(mem.BufferSlice, any) error { return nil }
func (forgetful) Name() string                         { return "forgetful" }

const benchRequest = "GET /api/v1/products HTTP/1.1\r\nHost: market.example\r\nUser-Agent: bench\r\n\r\n"

// exchangeOnce returns the body of the answer.
func exchangeOnce(b *testing.B, addr string) []byte {
	b.Helper()
	response, err := http.Get("http://" + addr + "/api/v1/products")
	require.NoError(b, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusOK, response.StatusCode, "%s", body)
	return body
}

// drive asks over many connections for a turn, and returns the number of answers. Its clients do as little as can
// be done, so that the servers are what is measured.
func drive(b *testing.B, addr string) int {
	b.Helper()
	const clients = 16
	var wg sync.WaitGroup
	counts := make([]int, clients)
	end := time.Now().Add(cachedTurn)
	for i := range clients {
		wg.Go(func() {
			var err error
			if counts[i], err = askUntil(addr, end); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func askUntil(addr string, end time.Time) (int, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for n := 0; ; n++ {
		if time.Now().After(end) {
			return n, nil
		}
		if _, err := io.WriteString(conn, benchRequest); err != nil {
			return n, err
		}
		if err := skipAnswer(reader); err != nil {
			return n, err
		}
	}
}

func skipAnswer(reader *bufio.Reader) error {
	length := -1
	for line := 0; ; line++ {
		text, err := reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line == 0 && string(text[9:12]) != "200" {
			return fmt.Errorf("answered %s", text)
		}
		if len(text) <= 2 {
			break
		}
		if text[0] == 'C' && len(text) > 16 && string(text[:16]) == "Content-Length: " {
			length = 0
			for _, digit := range text[16 : len(text)-2] {
				length = length*10 + int(digit-'0')
			}
		}
	}
	_, err := reader.Discard(length)
	return err
}
