package main_test

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/store/storetest"
)

// requireOutage checks what the service does while its database is away: it lives, says what is wrong, and asks for
// patience; it does not hang, and it does not claim an error of its own.
func requireOutage(t *testing.T, p *process) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := p.get("/api/ready")
		return status == 503
	}, patience, 20*time.Millisecond, "it turns unready")
	status, _ := p.get("/api/live")
	require.Equal(t, 200, status, "the process lives: restarting it would not help")
	status, body := p.get("/api/health")
	require.Equal(t, 503, status)
	require.Contains(t, body, `"database":{"status":"down"`)

	response, err := http.Get(p.api + "/api/v1/products?q=nobody-has-asked-this-before") // so it is in no cache
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusGatewayTimeout}, response.StatusCode)
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	require.Equal(t, response.StatusCode == http.StatusServiceUnavailable, response.Header.Get("Retry-After") != "")
	_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
	require.Contains(t, metrics, `market_health_check_up{check="database"} 0`)
}

func requireRecovery(t *testing.T, p *process) {
	t.Helper()
	for _, path := range []string{"/api/ready", "/api/health", "/api/v1/products"} {
		require.Eventually(t, func() bool {
			status, _ := p.get(path)
			return status == 200
		}, patience, 20*time.Millisecond, "GET %s recovers by itself", path)
	}
	p.waitForLine("dependency up again")
	require.Equal(t, 1, strings.Count(p.logs.String(), "dependency down"), "one line, not a flood")
}

func TestTheServiceLivesThroughAnOutageOfPostgreSQL(t *testing.T) {
	for name, outage := range map[string]func(*storetest.Proxy){
		"that refuses connections":    (*storetest.Proxy).Cut,
		"that swallows every message": (*storetest.Proxy).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			address, err := url.Parse(storetest.PostgreSQL(t))
			require.NoError(t, err)
			proxy := storetest.NewProxy(t, address.Host)
			address.Host = proxy.Addr()
			p := start(t, "DATABASE_URL="+address.String(), "MIGRATE=on", "SEED=on", "REQUEST_TIMEOUT=2s")
			status, body := p.get("/api/v1/products")
			require.Equal(t, 200, status, body)

			outage(proxy)
			requireOutage(t, p)
			proxy.Restore()
			requireRecovery(t, p)
			require.Equal(t, 0, p.stop(syscall.SIGTERM))
		})
	}
}

func TestTheServiceStartsWhilePostgreSQLIsAway(t *testing.T) {
	address, err := url.Parse(storetest.PostgreSQL(t))
	require.NoError(t, err)
	proxy := storetest.NewProxy(t, address.Host)
	setUp := exec.CommandContext(t.Context(), program, "migrate")
	setUp.Env = append(environment(t), "DATABASE_URL="+address.String())
	output, err := setUp.CombinedOutput()
	require.NoError(t, err, "%s", output)

	address.Host = proxy.Addr()
	proxy.Cut()
	p := start(t, "DATABASE_URL="+address.String())
	requireOutage(t, p)
	proxy.Restore()
	requireRecovery(t, p)
}

func TestTheServiceLivesThroughALostSQLiteFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "market.db")
	p := start(t, "DATABASE_URL=sqlite://"+file)
	require.NoError(t, os.Rename(file, file+".away"))
	requireOutage(t, p)
	require.NoError(t, os.Rename(file+".away", file))
	requireRecovery(t, p)
}

// A full disk takes the log first. The device /dev/full refuses every write as a full disk does.
func TestALogThatCannotBeWrittenStopsNobody(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(environment(t), "HTTP_ADDR="+address)
	cmd.Stdout, cmd.Stderr = full, full
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		status, _ := ask(t, http.MethodGet, "http://"+address+"/api/v1/products", "")
		return status == 200
	}, patience, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "it ends in order")
}

func TestTheServiceNeedsNoCollector(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())

	p := start(t, "OTLP_ENDPOINT="+nobody, "FLUSH_TIMEOUT=200ms")
	for range 50 {
		status, _ := p.get("/api/v1/products?limit=1")
		require.Equal(t, 200, status)
	}
	p.waitForLine("collector unreachable")
	_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
	require.Contains(t, metrics, `otel_sdk_exporter_span_exported_total{error_type="unavailable"}`)
	require.Equal(t, 0, p.stop(syscall.SIGTERM), "losing spans is no reason to fail")
	p.waitForLine("telemetry was lost at the end")
}
