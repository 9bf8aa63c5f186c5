package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry"
)

const logBuffer = 1 << 20 // bytes

// outlet is a log's output that a test can stop and break.
type outlet struct {
	testlog.Buffer

	stopped sync.Mutex // held: nobody reads
	mu      sync.Mutex
	broken  bool // writes fail after half of what is written
}

func (o *outlet) Write(p []byte) (int, error) {
	o.stopped.Lock()
	defer o.stopped.Unlock()
	o.mu.Lock()
	broken := o.broken
	o.mu.Unlock()
	if broken {
		half := len(p) / 2
		_, _ = o.Buffer.Write(p[:half]) // a buffer never fails
		return half, errors.New("no space left on device")
	}
	return o.Buffer.Write(p)
}

func (o *outlet) isBroken(broken bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = broken
}

func TestALogThatNobodyReadsHoldsUpNobodyAndItsLossesAreCounted(t *testing.T) {
	out := &outlet{}
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.LogBuffer = out, logBuffer })
	out.stopped.Lock()
	const lines, size = 400, 10 << 10 // together more than the buffer
	for i := range lines {
		s.tel.Logger.Info("ploughed", "job", fmt.Sprintf("%03d", i), "error", strings.Repeat("x ", size/2))
	}
	require.Equal(t, 200, s.send(get("/farms/7")).StatusCode)
	dropped := s.counter("telemetry_log_lines_dropped_total", "buffer_full")
	require.Positive(t, dropped)
	out.stopped.Unlock()

	shutdown(t, s.tel)
	require.Equal(t, lines+1-int(dropped), strings.Count(out.String(), "\n"))
	previous := ""
	for line := range strings.Lines(out.String()) {
		require.True(t, strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}\n"), "a whole line: %.80s", line)
		if _, number, ploughed := strings.Cut(line, `"job":"`); ploughed {
			require.Greater(t, number[:3], previous, "in order")
			previous = number[:3]
		}
	}
}

func TestAfterALineThatIsCutOffTheNextIsWhole(t *testing.T) {
	out := &outlet{}
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.LogBuffer = out, logBuffer })
	out.isBroken(true)
	s.tel.Logger.Info("cut off")
	require.Eventually(t, func() bool { return s.counter("telemetry_log_lines_dropped_total", "write_failed") == 1 },
		10*time.Second, time.Millisecond)
	out.isBroken(false)
	s.tel.Logger.Info("whole")
	shutdown(t, s.tel)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[1], `"msg":"whole"`)
	require.True(t, strings.HasPrefix(lines[1], "{"))
}

func TestLinesOfManyAtOnceAreNotMixed(t *testing.T) {
	out := &outlet{}
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.LogBuffer = out, logBuffer })
	var writing sync.WaitGroup
	const writers, each = 8, 100
	for range writers {
		writing.Go(func() {
			for range each {
				s.tel.Logger.Info("ploughed", "error", strings.Repeat("y", 100))
			}
		})
	}
	writing.Wait()
	shutdown(t, s.tel)
	s.tel.Logger.Info("last words")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, writers*each+1)
	for _, line := range lines {
		require.Len(t, strings.Split(line, `"time"`), 2, "%s", line)
	}
	require.Contains(t, lines[len(lines)-1], "last words", "also after the end")
}

func TestWithoutABufferALineIsWrittenBeforeItsLoggerReturns(t *testing.T) {
	out := &outlet{}
	s := startService(t, func(c *telemetry.Config) { c.Logs = out })
	s.tel.Logger.Info("ploughed")
	require.Contains(t, out.String(), "ploughed")
	out.isBroken(true)
	s.tel.Logger.Info("lost")
	require.InDelta(t, 1, s.counter("telemetry_log_lines_dropped_total", "write_failed"), 0)
}

func TestTheEndWaitsForNoLogThatNobodyReads(t *testing.T) {
	out := &outlet{}
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.LogBuffer = out, logBuffer })
	out.stopped.Lock()
	defer out.stopped.Unlock()
	s.tel.Logger.Info("stuck")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.tel.Shutdown(ctx), "write the last log lines")
	s.tel.Logger.Info("nobody waits for this one either")
}

func shutdown(t *testing.T, tel *telemetry.Telemetry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, tel.Shutdown(ctx))
}

func BenchmarkALine(b *testing.B) {
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		tel.Logger.Info("request", "http.request.method", "GET", "http.route", "/api/v1/orders/{id}",
			"url.path", "/api/v1/orders/019ab3c4-5d6e-7123-8123-123456789012", "http.response.status_code", 200, "client.address", "203.0.113.0")
	}
}
