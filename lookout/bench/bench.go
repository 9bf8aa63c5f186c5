// Package bench measures the embedded mode as its user meets it: how soon it is there, how much memory it takes, and how
// soon an outage reaches the pager.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/farmersmarket/platform/lookout/drill"
	"github.com/farmersmarket/platform/lookout/stack"
)

// Config says what is measured.
type Config struct {
	Root       string // of the repository
	Self       string // path of lookout
	PortOffset int    // keeps the measured stack out of the way of a running one
	Runs       int    // warm starts
	Idle       time.Duration
	Cold       bool // also build everything from nothing, which takes minutes
	Drill      bool
	Say        func(format string, args ...any) // progress
}

// Result is what was measured. Times are seconds.
type Result struct {
	WarmAPI     []float64            `json:"warm_api_seconds"`   // from the start until the API answers
	WarmReady   []float64            `json:"warm_ready_seconds"` // until every component is ready
	Stop        []float64            `json:"stop_seconds"`       // from SIGTERM until nothing is left
	MemoryBytes map[string]uint64    `json:"memory_bytes"`       // resident, by component, idle
	Detection   *Detection           `json:"detection,omitempty"`
	Cold        *Cold                `json:"cold,omitempty"`
	Components  map[string]Component `json:"components"`
}

// Component is what was measured.
type Component struct {
	Version string `json:"version"`
}

// Detection is when the page came, in seconds after the first bad response.
type Detection struct {
	Paged    float64 `json:"paged_seconds"`
	Latest   float64 `json:"latest_seconds"` // as computed before the drill
	Resolved float64 `json:"resolved_seconds"`
}

// Cold is a first start in a fresh clone, with modules downloaded and nothing built.
type Cold struct {
	API   float64 `json:"api_seconds"`
	Ready float64 `json:"ready_seconds"`
}

const (
	poll       = 10 * time.Millisecond
	warmLimit  = 2 * time.Minute
	coldLimit  = 30 * time.Minute
	stopLimit  = time.Minute
	drillLimit = 30 * time.Minute
)

// Run measures. It leaves nothing running and nothing on disk.
func Run(ctx context.Context, config Config) (Result, error) {
	dir, err := os.MkdirTemp("", "lookout-bench-")
	if err != nil {
		return Result{}, fmt.Errorf("make a folder for the measured stack: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder left in the temporary one harms nobody
	result := Result{MemoryBytes: map[string]uint64{}, Components: map[string]Component{}}
	for run := range config.Runs {
		config.Say("warm start %d of %d", run+1, config.Runs)
		last := run == config.Runs-1
		if err := config.warm(ctx, filepath.Join(dir, "warm"), &result, last); err != nil {
			return Result{}, err
		}
	}
	if config.Cold {
		config.Say("cold start in a fresh clone: this takes minutes")
		cold, err := config.cold(ctx, dir)
		if err != nil {
			return Result{}, err
		}
		result.Cold = &cold
	}
	return result, nil
}

// warm measures one start and stop; the last also the memory and the detection time.
func (c Config) warm(ctx context.Context, dir string, result *Result, last bool) error {
	run, err := c.start(ctx, dir, warmLimit, c.Root, c.Self, "up", "--no-build", "--traffic", "0",
		"--dir", dir, "--port-offset", strconv.Itoa(c.PortOffset))
	if err != nil {
		return err
	}
	defer run.kill()
	result.WarmAPI = append(result.WarmAPI, run.api)
	result.WarmReady = append(result.WarmReady, run.ready)
	if last {
		if err := c.measureRunning(ctx, dir, result); err != nil {
			return err
		}
	}
	stopped, err := run.stop()
	if err != nil {
		return err
	}
	result.Stop = append(result.Stop, stopped)
	return nil
}

func (c Config) measureRunning(ctx context.Context, dir string, result *Result) error {
	c.Say("memory after %s of rest", c.Idle)
	if err := rest(ctx, c.Idle); err != nil {
		return err
	}
	status, err := stack.ReadStatus(dir)
	if err != nil {
		return fmt.Errorf("measure memory: %w", err)
	}
	for _, component := range status.Components {
		if component.State == stack.Ready {
			result.MemoryBytes[component.Name] = component.MemoryBytes
			result.Components[component.Name] = Component{Version: component.Version}
		}
	}
	if !c.Drill {
		return nil
	}
	c.Say("outage drill")
	detection, err := c.drill(ctx, dir)
	result.Detection = &detection
	return err
}

func (c Config) drill(ctx context.Context, dir string) (Detection, error) {
	ctx, cancel := context.WithTimeout(ctx, drillLimit)
	defer cancel()
	command := exec.CommandContext(ctx, c.Self, "drill", "api-outage", "--json", "--dir", dir) //nolint:gosec // ourselves
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }              // it clears its fault
	command.Dir = c.Root
	output, err := command.Output()
	if err != nil {
		return Detection{}, fmt.Errorf("hold the outage drill: %w: %s", err, output)
	}
	var report drill.Report
	if err := json.Unmarshal(output, &report); err != nil {
		return Detection{}, fmt.Errorf("read the drill's report: %w", err)
	}
	bad, okBad := report.Find(drill.FirstBad)
	paged, okPaged := report.Find(drill.Notified)
	resolved, okResolved := report.Find(drill.ResolvedAt)
	if !okBad || !okPaged || !okResolved {
		return Detection{}, fmt.Errorf("the drill's timeline is not complete: %v", report.Timeline)
	}
	return Detection{
		Paged:    paged.At.Sub(bad.At).Seconds(),
		Latest:   report.Expected.Latest(),
		Resolved: resolved.At.Sub(bad.At).Seconds(),
	}, nil
}

// cold clones the repository and runs `make run` with an empty build cache and nothing on PATH but what make needs.
func (c Config) cold(ctx context.Context, dir string) (Cold, error) {
	clone := filepath.Join(dir, "clone")
	git := exec.CommandContext(ctx, "git", "clone", "--quiet", c.Root, clone) //nolint:gosec // our own repository
	if output, err := git.CombinedOutput(); err != nil {
		return Cold{}, fmt.Errorf("clone the repository: %w: %s", err, output)
	}
	run, err := c.start(ctx, filepath.Join(clone, ".run"), coldLimit, clone,
		"make", "run", fmt.Sprintf("UP=--traffic 0 --port-offset %d", c.PortOffset))
	if err != nil {
		return Cold{}, err
	}
	defer run.kill()
	_, err = run.stop()
	return Cold{API: run.api, Ready: run.ready}, err
}

// running is a stack under measurement.
type running struct {
	command    *exec.Cmd
	done       chan struct{}
	api, ready float64 // seconds from the start
}

// start runs the command that brings a stack up and waits until it is all there.
func (c Config) start(
	ctx context.Context, stateDir string, limit time.Duration, workDir, name string, args ...string,
) (*running, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := exec.Command(name, args...) //nolint:gosec,noctx // ourselves or make; stopped with a signal, not killed
	command.Dir = workDir
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C here is passed on by us, once
	command.Env = os.Environ()
	if workDir != c.Root {
		command.Env = append(command.Env, "GOCACHE="+filepath.Join(filepath.Dir(workDir), "gocache"))
	}
	log, err := os.CreateTemp("", "lookout-bench-*.log")
	if err != nil {
		return nil, fmt.Errorf("keep the stack's output: %w", err)
	}
	defer func() { _ = log.Close(); _ = os.Remove(log.Name()) }() // the process keeps its own handle
	command.Stdout, command.Stderr = log, log
	began := time.Now()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	run := &running{command: command, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		_ = command.Wait() // what matters is that it has ended
	}()
	err = run.await(ctx, c.PortOffset, stateDir, began)
	if err != nil {
		run.kill()
		output, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("wait for the stack: %w\n%s", err, output)
	}
	return run, nil
}

func (r *running) await(ctx context.Context, offset int, stateDir string, began time.Time) error {
	live := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(stack.DefaultPorts(offset)[stack.PortServer])) + "/api/live"
	for {
		if r.api == 0 && answers(ctx, live) {
			r.api = time.Since(began).Seconds()
		}
		if status, err := stack.ReadStatus(stateDir); err == nil && r.api > 0 && len(status.NotReady()) == 0 {
			r.ready = time.Since(began).Seconds()
			return nil
		}
		select {
		case <-r.done:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body) // only the status matters
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop asks the stack to end and returns the seconds it took.
func (r *running) stop() (float64, error) {
	began := time.Now()
	if err := syscall.Kill(-r.command.Process.Pid, syscall.SIGINT); err != nil {
		return 0, fmt.Errorf("stop the stack: %w", err)
	}
	select {
	case <-r.done:
		return time.Since(began).Seconds(), nil
	case <-time.After(stopLimit):
		return 0, fmt.Errorf("the stack did not stop within %s", stopLimit)
	}
}

// kill makes sure that nothing is left; after a stop it does nothing.
func (r *running) kill() {
	select {
	case <-r.done:
	default:
		_ = syscall.Kill(-r.command.Process.Pid, syscall.SIGTERM) // it stops its own children
		select {
		case <-r.done:
		case <-time.After(stopLimit):
			_ = syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL)
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
