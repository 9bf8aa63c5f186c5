package stack

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/upstream"
)

const (
	roleVariable   = "STACK_TEST_ROLE"
	roleComponent  = "component"
	roleGrandchild = "grandchild"
	roleSupervisor = "supervisor"

	soon = 20 * time.Second // far more than anything here takes
)

// TestMain lets the test binary be its own small programs: a component, a component's child, and a whole supervisor.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleComponent:
		beComponent()
	case roleGrandchild:
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case roleSupervisor:
		beSupervisor()
	default:
		os.Exit(m.Run())
	}
}

// fake is a component of tests, told what to do by its environment.
type fake struct {
	name       string
	port       int
	journal    string // file to which it appends its name when it is asked to stop
	readyFile  string // it is ready once this file exists; at once when empty
	pidFile    string // file to which it appends its pid and its child's
	deaf       bool   // ignores SIGTERM
	grandchild bool   // has a child that ignores SIGTERM
	crash      string // a last line to print before exiting with status 3; does not crash when empty
}

func (f fake) program() program {
	return program{
		name:     f.name,
		endpoint: fmt.Sprintf("127.0.0.1:%d", f.port),
		health:   fmt.Sprintf("http://127.0.0.1:%d/ready", f.port),
		find: func(context.Context, report) (upstream.Found, error) {
			return upstream.Found{Path: os.Args[0], Release: "1.2.3"}, nil
		},
		args: func(string) []string { return nil },
		env: []string{
			roleVariable + "=" + roleComponent, "FAKE_NAME=" + f.name, "FAKE_PORT=" + strconv.Itoa(f.port),
			"FAKE_JOURNAL=" + f.journal, "FAKE_READY_FILE=" + f.readyFile, "FAKE_PID_FILE=" + f.pidFile,
			fmt.Sprintf("FAKE_DEAF=%t", f.deaf), fmt.Sprintf("FAKE_GRANDCHILD=%t", f.grandchild), "FAKE_CRASH=" + f.crash,
		},
		grace: soon,
	}
}

func beComponent() {
	if last := os.Getenv("FAKE_CRASH"); last != "" {
		fmt.Println(last)
		os.Exit(3)
	}
	fmt.Println("at work")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	writeDown("FAKE_PID_FILE", strconv.Itoa(os.Getpid()))
	if os.Getenv("FAKE_GRANDCHILD") == "true" {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), roleVariable+"="+roleGrandchild)
		if err := child.Start(); err != nil {
			panic(err)
		}
		writeDown("FAKE_PID_FILE", strconv.Itoa(child.Process.Pid))
	}
	go func() {
		panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("FAKE_PORT"), http.HandlerFunc(answer)))
	}()
	for range stop {
		if os.Getenv("FAKE_DEAF") != "true" {
			writeDown("FAKE_JOURNAL", os.Getenv("FAKE_NAME"))
			return
		}
	}
}

func answer(w http.ResponseWriter, _ *http.Request) {
	if file := os.Getenv("FAKE_READY_FILE"); file != "" {
		if _, err := os.Stat(file); err != nil {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = fmt.Fprintln(w, "ready")
}

// writeDown appends a line to the file that the variable names, if it names one.
func writeDown(variable, line string) {
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(file, line); err != nil {
		panic(err)
	}
	if err := file.Close(); err != nil {
		panic(err)
	}
}

// beSupervisor runs a stack of two components until it is killed.
func beSupervisor() {
	pidFile := os.Getenv("FAKE_PID_FILE")
	port, err := strconv.Atoi(os.Getenv("FAKE_PORT"))
	if err != nil {
		panic(err)
	}
	options := Options{
		Root: os.Getenv("FAKE_ROOT"), Dir: os.Getenv("FAKE_DIR"), Bin: os.Getenv("FAKE_DIR"), Self: os.Args[0],
		Ports: Ports{PortHome: port, PortPager: port + 1}, Display: NewLines(os.Stdout),
		Home: func(Running) (http.Handler, error) { return http.NotFoundHandler(), nil },
	}
	err = up(context.Background(), options, fakes(
		fake{name: namePager, port: port + 2, pidFile: pidFile, deaf: true},
		fake{name: nameServer, port: port + 3, pidFile: pidFile, deaf: true},
	))
	fmt.Println(err)
	os.Exit(1)
}

func fakes(components ...fake) choose {
	return func(context.Context, *Options, *process.Starter, func()) []program {
		programs := make([]program, 0, len(components))
		for _, f := range components {
			programs = append(programs, f.program())
		}
		return programs
	}
}

// freePorts returns the first of n ports in a row that nobody listens on now.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		first := listener.Addr().(*net.TCPAddr).Port
		require.NoError(t, listener.Close())
		ports := Ports{}
		var names []string
		for i := range n {
			name := strconv.Itoa(i)
			ports[name] = first + i
			names = append(names, name)
		}
		if ports.checkFree(t.Context(), names) == nil {
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

// recorder is a display that remembers.
type recorder struct {
	mu      sync.Mutex
	notices []string
	history map[string][]State // of each component, without repetition
	latest  map[string]Component
}

func newRecorder() *recorder {
	return &recorder{history: map[string][]State{}, latest: map[string]Component{}}
}

func (r *recorder) Notice(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, text)
}

func (r *recorder) Show(status Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range status.Components {
		if r.latest[c.Name].State != c.State {
			r.history[c.Name] = append(r.history[c.Name], c.State)
		}
		r.latest[c.Name] = c
	}
}

func (r *recorder) component(name string) Component {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest[name]
}

func (r *recorder) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.notices, "\n")
}

// running is a stack of fakes under test.
type running struct {
	*recorder
	dir   string
	hurry chan struct{}
	stop  context.CancelFunc
	ended chan error
}

// repository is a folder with the configuration that a stack links to.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, file := range []string{"prometheus/prometheus.yml", "prometheus/rules/slo.yml", "alertmanager/alertmanager.local.yml"} {
		path := filepath.Join(root, "compose", file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	return root
}

func start(t *testing.T, programs choose) *running {
	t.Helper()
	r := &running{recorder: newRecorder(), dir: t.TempDir(), hurry: make(chan struct{}), ended: make(chan error, 1)}
	options := Options{
		Root: repository(t), Dir: r.dir, Bin: t.TempDir(), Self: os.Args[0], Display: r.recorder, Hurry: r.hurry,
		Ports: Ports{PortHome: freePorts(t, 2)},
		Home:  func(Running) (http.Handler, error) { return http.NotFoundHandler(), nil },
	}
	options.Ports[PortPager] = options.Ports[PortHome] + 1
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- up(ctx, options, programs) }()
	t.Cleanup(func() {
		cancel()
		_ = r.wait(t)
	})
	return r
}

// wait waits for the stack to end and returns its error.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(soon):
		t.Fatal("the stack does not end")
		return nil
	}
}

func (r *running) until(t *testing.T, name string, state State) Component {
	t.Helper()
	require.Eventually(t, func() bool { return r.component(name).State == state }, soon, 5*time.Millisecond,
		"%s does not become %s: %+v", name, state, r.component(name))
	return r.component(name)
}

func gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return !lives(pid) }, soon, 5*time.Millisecond, "process %d is left behind", pid)
	}
}

// lives says whether the process exists and is not merely waiting to be reaped by whoever adopted it.
func lives(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func pidsIn(t *testing.T, path string, n int) []int {
	t.Helper()
	var pids []int
	require.Eventually(t, func() bool {
		raw, _ := os.ReadFile(path)
		pids = nil
		for _, field := range strings.Fields(string(raw)) {
			pid, err := strconv.Atoi(field)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
		return len(pids) == n
	}, soon, 5*time.Millisecond, "%d pids in %s", n, path)
	return pids
}
