// Package gobuild runs the Go tool to build programs, and explains in words what to do when it cannot.
package gobuild

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/farmersmarket/platform/lookout/process"
)

// Job is one run of the Go tool.
type Job struct {
	Dir     string           // working directory
	Args    []string         // of the go command, for example build -o .bin/server ./server
	Env     []string         // added to the environment
	TempDir string           // where the Go tool keeps its work; the caller removes it
	Starter *process.Starter // starts the Go tool
	Log     io.Writer        // receives all output; may be nil
	Yield   bool             // run at low priority
}

// Run runs the job until it ends or ctx is done, which kills the Go tool and the compilers it started. It builds without
// cgo: no program of the stack needs a C compiler.
func Run(ctx context.Context, job Job) error {
	path, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("the Go compiler is needed and `go` is not on PATH: "+
			"install Go 1.26 or later from https://go.dev/dl/ (a C compiler is not needed): %w", err)
	}
	output := &bytes.Buffer{}
	cmd := exec.Command(path, job.Args...) //nolint:gosec,noctx // the caller's arguments; ctx ends the whole group below
	cmd.Dir = job.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOTMPDIR="+job.TempDir)
	cmd.Env = append(cmd.Env, job.Env...)
	cmd.Stdout = output
	if job.Log != nil {
		cmd.Stdout = io.MultiWriter(output, job.Log)
	}
	cmd.Stderr = cmd.Stdout
	if err := job.Starter.Start(cmd); err != nil {
		return err
	}
	if job.Yield {
		_ = process.Yield(cmd.Process.Pid) // a build at full priority is slower for others, not wrong
	}
	finished := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() {
		defer close(finished)
		_ = process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL) // it may just have ended
	})
	err = cmd.Wait()
	if !stopped() {
		<-finished
		return fmt.Errorf("go %s: %w", job.Args[0], ctx.Err())
	}
	if err != nil {
		return explain(output.String(), err)
	}
	return nil
}

// causes are what stops builds on a machine where the code itself is fine, told by the Go tool's output.
var causes = []struct {
	signs  []string
	remedy string
}{
	{
		signs:  []string{"no space left on device", "disk quota exceeded"},
		remedy: "the disk is full: free some space (a first build needs about 4 GB for Go's caches; `go clean -cache` frees old ones) and try again",
	},
	{
		signs: []string{
			"dial tcp", "no such host", "connection refused", "i/o timeout", "TLS handshake timeout", "proxyconnect",
			"network is unreachable", "module lookup disabled", "Client.Timeout exceeded", "server misbehaving",
		},
		remedy: "the Go modules cannot be downloaded: the first build needs the network; check the connection and `go env GOPROXY`, and try again",
	},
	{
		signs:  []string{"GOTOOLCHAIN=local", "toolchain not available"},
		remedy: "this Go is too old: install Go 1.26 or later from https://go.dev/dl/",
	},
	{
		signs:  []string{"permission denied"},
		remedy: "a file or folder cannot be written: see the last lines for which",
	},
}

func explain(output string, err error) error {
	tail := lastLines(output, 8)
	for _, cause := range causes {
		found := slices.ContainsFunc(cause.signs, func(sign string) bool { return strings.Contains(output, sign) })
		if found {
			return fmt.Errorf("%s\n%s: %w", cause.remedy, tail, err)
		}
	}
	return fmt.Errorf("go failed:\n%s: %w", tail, err)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-n):], "\n    ")
}
