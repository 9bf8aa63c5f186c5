package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// patience bounds every wait; a machine under load is slow.
const patience = 60 * time.Second

var program string // built once for all tests

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "server")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "server")
		build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=auto", "-o", program, ".") // with the commit, whatever GOFLAGS says
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the server:", err)
			return 1
		}
		return m.Run()
	}())
}

// process is a running server.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	logs  *testlog.Buffer
	api   string // base URL
	admin string
	done  chan struct{}
}

// start runs `server` with these settings beside the defaults of a test, and waits until it serves.
func start(t *testing.T, settings ...string) *process {
	t.Helper()
	p := &process{t: t, logs: &testlog.Buffer{}, done: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), program)
	p.cmd.Env = append(environment(t), settings...)
	p.cmd.Stdout, p.cmd.Stderr = p.logs, p.logs
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
		if t.Failed() {
			t.Log(p.logs.String())
		}
	})
	line := p.waitForLine("serving")
	p.api, p.admin = "http://"+line["api"].(string), "http://"+line["admin"].(string)
	return p
}

func environment(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	return []string{
		"HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "OTLP_ENDPOINT=none", "FAULTS=on", "PATH=" + os.Getenv("PATH"),
		"DATABASE_URL=sqlite://" + filepath.Join(dir, "market.db"), "AUTH_KEY_FILE=" + filepath.Join(dir, "auth.key"), "IMAGES_URL=file://" + filepath.Join(dir, "images"),
	}
}

func (p *process) waitForLine(message string) map[string]any {
	p.t.Helper()
	var found map[string]any
	require.Eventually(p.t, func() bool {
		for line := range strings.Lines(p.logs.String()) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
				found = fields
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond, "the server should log %q", message)
	return found
}

// get asks the API and returns the status and the body; 0 when there is no answer.
func (p *process) get(path string) (int, string) {
	return ask(p.t, http.MethodGet, p.api+path, "")
}

func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

// stop sends the signal and returns the exit status.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
	select {
	case <-p.done:
	case <-time.After(patience):
		require.Fail(p.t, "the server does not stop")
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestTheServerAnswersFromTheFirstMoment(t *testing.T) {
	p := start(t)
	for path, want := range map[string]string{
		"/api/live":             `"alive"`,
		"/api/ready":            `"ready"`,
		"/api/health":           `"database":{"status":"up"`,
		"/api/v1/products":      `"success":true`,
		"/api/v1/farms?limit=1": `"total":25`,
		"/openapi.json":         `"openapi":"3.1`,
		"/docs":                 "swagger-ui",
	} {
		status, body := p.get(path)
		require.Equal(t, 200, status, "GET %s: %s", path, body)
		require.Contains(t, body, want, "GET %s", path)
	}
	status, body := ask(t, http.MethodGet, p.admin+"/metrics", "")
	require.Equal(t, 200, status)
	require.Contains(t, body, "market_build_info")
}

func TestAStopFinishesWhatIsUnderWayAndLosesNoSpan(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	p := start(t, "OTLP_ENDPOINT="+collector.Addr, "DRAIN_DELAY=300ms")
	status, body := ask(t, http.MethodPost, p.admin+"/admin/faults",
		`{"route":"/api/v1/*","latency":{"distribution":"fixed","mean":"1s"},"duration":"1m"}`)
	require.Equal(t, 201, status, body)

	answered := make(chan int, 1)
	go func() {
		status, _ := p.get("/api/v1/farms")
		answered <- status
	}()
	require.Eventually(t, func() bool {
		_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
		return strings.Contains(metrics, `market_faults_injected_total{kind="latency"} 1`)
	}, patience, time.Millisecond, "the request is under way")

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.waitForLine("draining")
	status, body = p.get("/api/ready")
	require.Equal(t, 503, status, "the load balancer is told")
	require.Contains(t, body, "draining")
	require.Equal(t, 200, <-answered, "the request under way is answered")
	<-p.done
	require.Equal(t, 0, p.cmd.ProcessState.ExitCode())

	names := map[string]bool{}
	for _, span := range collector.Spans() {
		names[span.GetName()] = true
	}
	require.True(t, names["GET /api/v1/farms"], "its span has arrived; there are %v", names)
}

func TestAStopWaitsForRequestsAndForNoConnectionWithoutOne(t *testing.T) {
	p := start(t, "DRAIN_TIMEOUT=8s") // less than a connection has for its first request
	_, body := ask(t, http.MethodPost, p.admin+"/admin/faults",
		`{"route":"/api/v1/farms","latency":{"distribution":"fixed","mean":"1s"},"duration":"1m"}`)
	unused, idle := p.connect(), p.connect()
	idle.get("/api/live")
	slow := p.connect()
	slow.ask("/api/v1/farms")
	require.Eventually(t, func() bool {
		_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
		return strings.Contains(metrics, `market_faults_injected_total{kind="latency"} 1`)
	}, patience, time.Millisecond, "the request is under way: %s", body)

	require.Equal(t, 0, p.stop(syscall.SIGTERM))
	response := slow.answer()
	require.Equal(t, 200, response.StatusCode, "the request under way is answered")
	require.True(t, response.Close, "and its client told to move on")
	for name, c := range map[string]*connection{"a connection that was never used": unused, "one that is idle": idle} {
		_, err := c.reader.ReadByte()
		require.ErrorIs(t, err, io.EOF, "%s is closed, not broken", name)
	}
}

// connection is a connection to the API that its owner opens, keeps and closes by hand.
type connection struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func (p *process) connect() *connection {
	p.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.api, "http://"))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	return &connection{Conn: conn, t: p.t, reader: bufio.NewReader(conn)}
}

func (c *connection) ask(path string) {
	c.t.Helper()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: market\r\n\r\n", path)
	require.NoError(c.t, err)
}

func (c *connection) answer() *http.Response {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	require.NoError(c.t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return response
}

func (c *connection) get(path string) {
	c.t.Helper()
	c.ask(path)
	require.Equal(c.t, 200, c.answer().StatusCode)
}

func TestBothSignalsStopTheServer(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			require.Equal(t, 0, start(t).stop(signal))
		})
	}
}

func TestARequestThatTakesTooLongIsAnsweredWith504(t *testing.T) {
	p := start(t, "REQUEST_TIMEOUT=50ms")
	ask(t, http.MethodPost, p.admin+"/admin/faults",
		`{"route":"/api/v1/*","latency":{"distribution":"fixed","mean":"10s"},"duration":"1m"}`)
	status, body := p.get("/api/v1/farms")
	require.Equal(t, 504, status, body)
	require.Contains(t, body, "trace_id")
}

func TestAStartThatCannotWorkSaysWhyAndExitsWith2(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	notADirectory := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(notADirectory, nil, 0o600))
	for name, c := range map[string]struct {
		args     []string
		settings []string
		want     []string
	}{
		"settings that are wrong, all at once": {
			settings: []string{"LOG_LEVEL=loud", "DATABSE_URL=x"}, want: []string{"2 problem(s)", "LOG_LEVEL", "did you mean DATABASE_URL"},
		},
		"a port that is taken": {
			settings: []string{"HTTP_ADDR=" + taken.Addr().String()}, want: []string{"taken by another program", "HTTP_ADDR"},
		},
		"an admin port that is taken": {
			settings: []string{"ADMIN_ADDR=" + taken.Addr().String()}, want: []string{"taken by another program", "ADMIN_ADDR"},
		},
		"a command that there is not": {args: []string{"sevre"}, want: []string{`unknown command "sevre"`}},
		"a flag that there is not":    {args: []string{"--port=1"}, want: []string{"--port"}},
		"a database file in no folder": {
			settings: []string{"DATABASE_URL=sqlite://" + notADirectory + "/market.db"}, want: []string{notADirectory},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), program, c.args...)
			cmd.Env = append(environment(t), c.settings...)
			output, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s", output)
			require.Equal(t, 2, exit.ExitCode(), "%s", output)
			for _, want := range c.want {
				require.Contains(t, string(output), want)
			}
		})
	}
}

func TestTheCommandsBesideServing(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"config masks secrets and explains": {[]string{"config"}, "DRAIN_TIMEOUT"},
		"openapi prints the document":       {[]string{"openapi"}, `"openapi":"3.1`},
		"help lists the commands":           {[]string{"--help"}, "migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), program, c.args...)
			cmd.Env = environment(t)
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.Contains(t, string(output), c.want)
		})
	}
}

func TestMigrateAndSeedChangeNothingTheSecondTime(t *testing.T) {
	env := environment(t)
	run := func(command string) string {
		cmd := exec.CommandContext(t.Context(), program, command)
		cmd.Env = env
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return string(output)
	}
	require.Contains(t, run("migrate"), "applied 0001")
	require.Contains(t, run("migrate"), "up to date")
	require.Contains(t, run("seed"), "wrote 25 farms and 250 products")
	require.Contains(t, run("seed"), "wrote 0 farms and 0 products")
}
