package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// soon is far more than anything takes that is waited for here, builds excepted.
const soon = time.Minute

// built is the folder with lookout and the server as people run them.
type built string

func (b built) program(name string) string {
	return filepath.Join(string(b), name)
}

func TestUp(t *testing.T) {
	b := built(t.TempDir())
	for _, name := range []string{"lookout", "server"} {
		out, err := exec.Command("go", "build", "-o", b.program(name), "../"+name).CombinedOutput()
		require.NoError(t, err, "build %s: %s", name, out)
	}
	t.Run("is stopped", b.isStopped)
	t.Run("cannot run", b.cannotRun)
	t.Run("is seen from another terminal", b.isSeen)
	t.Run("runs the real programs", b.runsTheRealPrograms)
	t.Run("decides which traces are kept", b.decidesWhichTracesAreKept)
}

// upRun is one `lookout up` under test.
type upRun struct {
	cmd    *exec.Cmd
	dir    string
	ports  stack.Ports
	output *testlog.Buffer
	ended  chan struct{}
	exit   error
}

// freeOffset returns an offset at which all ports of a stack are free, and below those that Linux hands out to
// connections (32768 and up): one of them could be taken by the time the stack starts.
func freeOffset(t *testing.T) int {
	t.Helper()
	for range 100 {
		offset := 1000 + rand.IntN(15000)
		if !slices.ContainsFunc(portNumbers(stack.DefaultPorts(offset)), taken) {
			return offset
		}
	}
	t.Fatal("no offset with free ports")
	return 0
}

func portNumbers(ports stack.Ports) []int {
	var numbers []int
	for _, port := range ports {
		numbers = append(numbers, port)
	}
	return numbers
}

func taken(port int) bool {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return true
	}
	return listener.Close() != nil
}

func (b built) startUp(t *testing.T, change func(*exec.Cmd), args ...string) *upRun {
	t.Helper()
	offset := freeOffset(t)
	u := &upRun{dir: t.TempDir(), ports: stack.DefaultPorts(offset), output: &testlog.Buffer{}, ended: make(chan struct{})}
	args = append([]string{
		"up", "--dir", u.dir, "--port-offset", strconv.Itoa(offset), "--server", b.program("server"),
	}, args...)
	u.cmd = exec.Command(b.program("lookout"), args...)
	u.cmd.Stdout, u.cmd.Stderr = u.output, u.output
	if change != nil {
		change(u.cmd)
	}
	require.NoError(t, u.cmd.Start())
	go func() {
		defer close(u.ended)
		u.exit = u.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = u.cmd.Process.Kill() // it usually has ended
		<-u.ended
		if t.Failed() {
			t.Log(u.output.String())
		}
	})
	return u
}

// ready waits for all components and returns their processes, lookout's own not among them.
func (u *upRun) ready(t *testing.T) []int {
	t.Helper()
	var status stack.Status
	require.Eventually(t, func() bool {
		var err error
		status, err = stack.ReadStatus(u.dir)
		return err == nil && len(status.NotReady()) == 0
	}, soon, 20*time.Millisecond, "not ready:\n%s", u.output)
	var pids []int
	for _, c := range status.Components {
		if c.PID != 0 && c.PID != u.cmd.Process.Pid {
			pids = append(pids, c.PID)
		}
	}
	require.NotEmpty(t, pids)
	return pids
}

func (u *upRun) signal(t *testing.T, signals ...syscall.Signal) {
	t.Helper()
	for _, signal := range signals {
		require.NoError(t, u.cmd.Process.Signal(signal))
	}
}

func (u *upRun) wait(t *testing.T) (status int) {
	t.Helper()
	select {
	case <-u.ended:
	case <-time.After(soon):
		t.Fatal("lookout does not end")
	}
	return u.cmd.ProcessState.ExitCode()
}

// nothingLeft checks that the processes are gone and the ports free.
func (u *upRun) nothingLeft(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return process.ResidentBytes(pid) == 0 }, soon, 5*time.Millisecond,
			"process %d is left behind", pid)
	}
	for name, port := range u.ports {
		require.Eventually(t, func() bool { return !taken(port) }, soon, 5*time.Millisecond, "port of %s is still taken", name)
	}
	_, err := stack.ReadStatus(u.dir)
	require.ErrorIs(t, err, stack.ErrNotRunning)
}

var small = []string{"--without", "prometheus,alertmanager,jaeger,blackbox,probe", "--no-build"}

func (b built) isStopped(t *testing.T) {
	tests := map[string]struct {
		signals []syscall.Signal
		status  int
	}{
		"by Ctrl-C":                          {[]syscall.Signal{syscall.SIGINT}, 0},
		"by a second Ctrl-C right after":     {[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 0},
		"by a third Ctrl-C as well":          {[]syscall.Signal{syscall.SIGINT, syscall.SIGINT, syscall.SIGINT}, 0},
		"by a request to terminate":          {[]syscall.Signal{syscall.SIGTERM}, 0},
		"by the end of its terminal":         {[]syscall.Signal{syscall.SIGHUP, syscall.SIGHUP}, 0},
		"by kill -9, which it cannot handle": {[]syscall.Signal{syscall.SIGKILL}, -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := b.startUp(t, nil, small...)
			pids := u.ready(t)
			require.Len(t, pids, 2, "the server and the pager")
			u.signal(t, test.signals...)
			require.Equal(t, test.status, u.wait(t))
			u.nothingLeft(t, pids)
		})
	}
	t.Run("when whoever reads its output is gone", func(t *testing.T) {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		u := b.startUp(t, func(cmd *exec.Cmd) { cmd.Stdout = write }, small...)
		require.NoError(t, write.Close())
		pids := u.ready(t)
		require.NoError(t, read.Close())
		require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL)) // something to write about
		require.Zero(t, u.wait(t))
		u.nothingLeft(t, pids)
	})
}

func (b built) cannotRun(t *testing.T) {
	goTool, err := exec.LookPath("go")
	require.NoError(t, err)
	// A clone without built programs.
	clone := t.TempDir()
	root, err := stack.FindRepository()
	require.NoError(t, err)
	for _, name := range []string{"go.mod", "compose", "lookout"} {
		require.NoError(t, os.Symlink(filepath.Join(root, name), filepath.Join(clone, name)))
	}
	inClone := func(env ...string) func(*exec.Cmd) {
		return func(cmd *exec.Cmd) {
			cmd.Dir = clone
			cmd.Env = append(os.Environ(), env...)
		}
	}
	tests := map[string]struct {
		change func(*exec.Cmd)
		args   []string
		want   []string
	}{
		"without Go": {
			inClone("PATH=" + t.TempDir()),
			[]string{"--server", "", "--without", "prometheus,alertmanager,jaeger,blackbox"},
			[]string{"`go` is not on PATH", "install Go 1.26 or later from https://go.dev/dl/"},
		},
		"without the network for the first build": {
			inClone("PATH="+filepath.Dir(goTool), "GOPROXY=http://127.0.0.1:1", "GOMODCACHE="+filepath.Join(t.TempDir(), "mod"),
				"GOFLAGS=-modcacherw"),
			[]string{"--without", "prometheus,jaeger,blackbox"},
			[]string{"build alertmanager 0.31.1", "the first build needs the network", "go env GOPROXY"},
		},
		"with programs missing and --no-build": {
			inClone("PATH=" + t.TempDir()), []string{"--no-build"}, []string{"or later: not found", "lookout tools --install"},
		},
		"outside a clone": {
			func(cmd *exec.Cmd) { cmd.Dir = t.TempDir() }, nil, []string{"is not inside a clone"},
		},
		"with a misspelt component": {nil, []string{"--without", "promethius"}, []string{`did you mean "prometheus"?`}},
		"with a negative rate":      {nil, []string{"--traffic", "-1"}, []string{"--traffic -1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := b.startUp(t, test.change, test.args...)
			require.Equal(t, statusEnvironment, u.wait(t))
			for _, part := range test.want {
				require.Contains(t, u.output.String(), part)
			}
			u.nothingLeft(t, nil)
		})
	}

	t.Run("with a port in use", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, listener.Close()) }()
		port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
		u := b.startUp(t, nil, append(small, "--port", "pager="+port)...)
		require.Equal(t, statusEnvironment, u.wait(t))
		require.Contains(t, u.output.String(), fmt.Sprintf("port %s (pager) is in use by", port))
		require.Contains(t, u.output.String(), fmt.Sprintf("(pid %d)", os.Getpid()))
		require.Contains(t, u.output.String(), "--port pager=PORT")
		require.NoDirExists(t, filepath.Join(u.dir, "logs"), "nothing was started")
	})
}

func (b built) lookout(t *testing.T, args ...string) (output string, status int) {
	t.Helper()
	cmd := exec.Command(b.program("lookout"), args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (b built) isSeen(t *testing.T) {
	empty := t.TempDir()
	output, status := b.lookout(t, "status", "--dir", empty)
	require.Equal(t, statusFailed, status)
	require.Contains(t, output, "nothing is running in "+empty+": start the stack with `make run` or `lookout up`")

	u := b.startUp(t, nil, small...)
	u.ready(t)
	output, status = b.lookout(t, "status", "--dir", u.dir, "--wait", "1m")
	require.Zero(t, status, output)
	require.Regexp(t, `(?m)^server +\S+ +ready +\d+ +\d+ MiB +http://localhost:\d+/docs +127.0.0.1:\d+$`, output)

	output, status = b.lookout(t, "status", "--dir", u.dir, "--json")
	require.Zero(t, status, output)
	var parsed stack.Status
	require.NoError(t, json.Unmarshal([]byte(output), &parsed))
	require.Equal(t, u.cmd.Process.Pid, parsed.PID)
	require.Positive(t, parsed.ReadyAfterSeconds)

	output, status = b.lookout(t, "logs", "--dir", u.dir, "pager")
	require.Zero(t, status, output)
	require.Contains(t, output, "pager is listening")
	output, status = b.lookout(t, "logs", "--dir", u.dir, "sever")
	require.Equal(t, statusEnvironment, status)
	require.Contains(t, output, `did you mean "server"?`)

	contract := telemetrytest.NewContract(catalogue.Stack(), telemetrytest.OfLibraries(t, "lookout"), telemetrytest.Bounds{
		"component": telemetrytest.OneOf("lookout", "server", "pager", "grafana"), // of a small stack
	})
	require.NoError(t, contract.SeeMetrics(get(t, u.ports.URL(stack.PortHome)+"/metrics")))
	require.Contains(t, get(t, u.ports.URL(stack.PortHome)+"/traces/"+strings.Repeat("1", 32)), "The trace cannot be shown")
	lines, err := os.ReadFile(filepath.Join(u.dir, "logs", "lookout.log"))
	require.NoError(t, err)
	contract.SeeLogs(string(lines))
	contract.Check(t, map[string]string{
		`log line "a page cannot be made"`: templatesWork,
		`log line "metrics were not sent"`: "nobody scrapes it here and goes away; the tests of the pager and the probe do",
	}, nil)

	server := parsed.Components[slices.IndexFunc(parsed.Components, func(c stack.Component) bool { return c.Name == "server" })]
	require.NoError(t, syscall.Kill(server.PID, syscall.SIGSTOP)) // it runs, and answers nobody
	require.Eventually(t, func() bool {
		output, status = b.lookout(t, "status", "--dir", u.dir)
		return status == statusFailed
	}, soon, 100*time.Millisecond)
	require.Contains(t, output, "not ready: server; see why with `lookout logs server`")
	require.NoError(t, syscall.Kill(server.PID, syscall.SIGCONT))
}

// runsTheRealPrograms starts everything with the committed configuration, and asks the programs whether they
// understand each other.
func (b built) runsTheRealPrograms(t *testing.T) {
	root, err := stack.FindRepository()
	require.NoError(t, err)
	for _, name := range []string{"prometheus", "alertmanager", "jaeger", "blackbox_exporter"} {
		ensure(t, root, name)
	}
	u := b.startUp(t, nil, "--no-build")
	pids := u.ready(t)
	require.GreaterOrEqual(t, len(pids), 5)

	t.Run("Prometheus scrapes every component", func(t *testing.T) {
		for _, job := range []string{"server", "lookout", "pager", "prometheus", "alertmanager", "jaeger", "blackbox", "probe"} {
			u.answers(t, stack.PortPrometheus, fmt.Sprintf(`/api/v1/query?query=up{job=%q}`, job), `"value":\[[0-9.]+,"1"\]`)
		}
	})
	t.Run("every rule is evaluated", func(t *testing.T) {
		u.answers(t, stack.PortPrometheus, "/api/v1/rules", `"health":"ok"`)
		require.NotContains(t, get(t, u.ports.URL(stack.PortPrometheus)+"/api/v1/rules"), `"health":"err"`)
	})
	t.Run("the Watchdog reaches the pager by way of Alertmanager", func(t *testing.T) {
		u.answers(t, stack.PortPager, "/api/watchdog", `"silent": ?false`)
	})
	t.Run("the shoppers' requests are seen as metrics and as traces", func(t *testing.T) {
		u.answers(t, stack.PortPrometheus,
			`/api/v1/query?query=sum(http_server_request_duration_seconds_count{http_route=~"/api/v1/.%2b"})>0`, `"value":`)
		u.answers(t, stack.PortJaeger, "/api/traces?service=market-api&limit=1", `"traceID":"[0-9a-f]{32}"`)
	})
	t.Run("every probe succeeds, in Prometheus as well", func(t *testing.T) {
		for _, probe := range []string{"live", "ready", "docs", "products", "order"} {
			u.answers(t, stack.PortPrometheus, fmt.Sprintf(`/api/v1/query?query=probe_success{probe=%q}`, probe), `"value":\[[0-9.]+,"1"\]`)
		}
	})
	t.Run("only pages with something on them are linked", func(t *testing.T) {
		status, err := stack.ReadStatus(u.dir)
		require.NoError(t, err)
		for _, c := range status.Components {
			if c.URL != "" {
				require.NotContains(t, get(t, c.URL), "placeholder", c.Name)
			}
		}
	})
	t.Run("together they settle at 400 MiB at most", func(t *testing.T) {
		var used string
		require.Eventually(t, func() bool {
			status, err := stack.ReadStatus(u.dir)
			if err != nil {
				return false
			}
			var total uint64
			used = ""
			for _, c := range status.Components {
				total += c.MemoryBytes
				used += fmt.Sprintf("%s: %d MiB\n", c.Name, c.MemoryBytes>>20)
			}
			return 0 < total && total <= 400<<20
		}, soon, time.Second, "a login takes 19 MiB for a moment, and garbage some time to be given back")
		t.Log(used)
	})

	u.signal(t, syscall.SIGINT)
	require.Zero(t, u.wait(t))
	u.nothingLeft(t, pids)
}

// answers waits until what a program answers matches.
func (u *upRun) answers(t *testing.T, port, path, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	var last string
	require.Eventually(t, func() bool {
		last = get(t, u.ports.URL(port)+strings.ReplaceAll(path, `"`, "%22"))
		return wanted.MatchString(last)
	}, soon, 100*time.Millisecond, "%s does not answer %s: %s", path, pattern, &last)
}

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}
