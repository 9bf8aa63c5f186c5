package main_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestAStopLosesNoLogLineAndNoFailure(t *testing.T) {
	collector, sentry := telemetrytest.NewCollector(t), telemetrytest.NewSentry(t)
	file := filepath.Join(t.TempDir(), "market.db")
	p := start(t, "OTLP_ENDPOINT="+collector.Addr, "OTLP_LOGS=on", "SENTRY_DSN="+sentry.DSN, "DATABASE_URL=sqlite://"+file)
	const requests = 50
	for range requests {
		status, _ := p.get("/api/v1/categories")
		require.Equal(t, 200, status)
	}
	require.NoError(t, os.Rename(file, file+".away"))
	status, _ := p.get("/api/v1/products?q=nobody-has-asked-this-before") // so it is in no cache
	require.GreaterOrEqual(t, status, 500)
	require.Zero(t, p.stop(syscall.SIGTERM))

	sent := map[string]int{}
	for _, record := range collector.Logs() {
		sent[record.GetBody().GetStringValue()]++
	}
	require.GreaterOrEqual(t, sent["request"], requests+1)
	require.Equal(t, 1, sent["stopped"], "the last line as well")
	require.Len(t, collector.Logs(), strings.Count(p.logs.String(), "\n"), "every line is in both")

	events := sentry.Events()
	require.NotEmpty(t, events)
	traced := false
	for _, event := range events {
		require.Equal(t, "development", event.Environment)
		if event.Tags["route"] == "GET /api/v1/products" {
			require.Equal(t, []string{"dependency", "GET /api/v1/products"}, event.Fingerprint)
			traced = strings.Contains(p.logs.String(), event.Contexts["trace"]["trace_id"].(string))
		}
	}
	require.True(t, traced, "the failure leads to its lines: %v", events)
}

// A pipe holds 64 KiB. When nobody reads it, writing to it waits for ever; when nobody can, it ends most programs.
func TestALogThatNobodyReadsStopsNobody(t *testing.T) {
	for name, c := range map[string]struct{ gone bool }{
		"it is stuck": {gone: false},
		"it is gone":  {gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			defer reader.Close()
			if c.gone {
				require.NoError(t, reader.Close())
			}
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := listener.Addr().String()
			require.NoError(t, listener.Close())
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(environment(t), "HTTP_ADDR="+address, "FLUSH_TIMEOUT=100ms")
			cmd.Stdout, cmd.Stderr = writer, writer
			require.NoError(t, cmd.Start())
			require.NoError(t, writer.Close())
			answered := 0
			require.Eventually(t, func() bool {
				if status, _ := ask(t, http.MethodGet, "http://"+address+"/api/v1/categories?filler="+strings.Repeat("x", 100), ""); status != 0 {
					answered++
				}
				return answered > 500 // each with a line: more than a pipe holds
			}, patience, 1)
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait(), "it ends in order")
		})
	}
}
