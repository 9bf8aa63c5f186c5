package stack

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/upstream"
)

func TestStack(t *testing.T) {
	t.Run("components are stopped in the reverse of the order of starting", func(t *testing.T) {
		journal := filepath.Join(t.TempDir(), "journal")
		port := freePorts(t, 3)
		r := start(t, fakes(
			fake{name: namePrometheus, port: port, journal: journal},
			fake{name: nameJaeger, port: port + 1, journal: journal},
			fake{name: nameServer, port: port + 2, journal: journal},
		))
		r.until(t, namePrometheus, Ready)
		r.until(t, nameJaeger, Ready)
		server := r.until(t, nameServer, Ready)
		require.Equal(t, "1.2.3", server.Version)
		require.Positive(t, server.PID)
		r.stop()
		require.NoError(t, r.wait(t))
		raw, err := os.ReadFile(journal)
		require.NoError(t, err)
		require.Equal(t, "server\njaeger\nprometheus\n", string(raw))
		seen := slices.DeleteFunc(r.history[nameServer], func(s State) bool { return s == Stopping }) // it may pass between two looks
		require.Equal(t, []State{Starting, Ready, Stopped}, seen)
		require.Contains(t, r.said(), "everything is ready after")
	})

	t.Run("a component is ready when its health check succeeds and not before", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "ready")
		r := start(t, fakes(fake{name: nameServer, port: freePorts(t, 1), readyFile: file}))
		require.Eventually(t, func() bool { return r.component(nameServer).PID != 0 }, soon, time.Millisecond)
		require.Equal(t, Starting, r.component(nameServer).State)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		r.until(t, nameServer, Ready)
		require.NoError(t, os.Remove(file))
		failed := r.until(t, nameServer, Failed)
		require.Contains(t, failed.Detail, "no longer ready: http://127.0.0.1:")
		require.Contains(t, failed.Detail, "503")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		r.until(t, nameServer, Ready)
		require.Zero(t, r.component(nameServer).Restarts)
	})

	t.Run("a crashed component is started again and shown with its last words", func(t *testing.T) {
		port := freePorts(t, 1)
		r := start(t, fakes(fake{name: nameServer, port: port, crash: "no such \x1b[31mtable\x1b[0m"}))
		crashed := r.until(t, nameServer, Restarting)
		require.Contains(t, crashed.Detail, "exited with status 3")
		require.Contains(t, crashed.Detail, ": no such table")
		require.Eventually(t, func() bool { return r.component(nameServer).Restarts >= 2 }, soon, 5*time.Millisecond)
		require.Contains(t, r.said(), "server: exited with status 3")
	})

	t.Run("a killed component is ready again with another pid", func(t *testing.T) {
		r := start(t, fakes(fake{name: nameServer, port: freePorts(t, 1)}))
		before := r.until(t, nameServer, Ready)
		require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
		require.Eventually(t, func() bool { return r.component(nameServer).Restarts == 1 }, soon, 5*time.Millisecond)
		after := r.until(t, nameServer, Ready)
		require.NotEqual(t, before.PID, after.PID)
		require.Contains(t, r.said(), "was killed by SIGKILL")
		require.NotContains(t, r.said(), "at work", "its last line is about something else")
	})

	t.Run("a component that does not become ready is reported with the end of its log", func(t *testing.T) {
		slow := fake{name: nameServer, port: freePorts(t, 1), readyFile: filepath.Join(t.TempDir(), "never")}.program()
		slow.patience = time.Millisecond
		r := start(t, func(context.Context, *Options, *process.Starter, func()) []program { return []program{slow} })
		failed := r.until(t, nameServer, Failed)
		require.Contains(t, failed.Detail, "not ready after 1ms")
		require.Eventually(t, func() bool { return strings.Contains(r.said(), "the end of its log") }, soon, time.Millisecond)
	})

	t.Run("a component that ignores the request to stop is killed after its grace", func(t *testing.T) {
		deaf := fake{name: nameServer, port: freePorts(t, 1), deaf: true}.program()
		deaf.grace = 10 * time.Millisecond
		r := start(t, func(context.Context, *Options, *process.Starter, func()) []program { return []program{deaf} })
		pid := r.until(t, nameServer, Ready).PID
		r.stop()
		require.NoError(t, r.wait(t))
		require.Contains(t, r.said(), "did not stop within 10ms and was killed")
		gone(t, pid)
	})

	t.Run("in a hurry nothing is waited for and nothing is left", func(t *testing.T) {
		pidFile := filepath.Join(t.TempDir(), "pids")
		port := freePorts(t, 2)
		r := start(t, fakes(
			fake{name: nameJaeger, port: port, deaf: true, pidFile: pidFile, grandchild: true},
			fake{name: nameServer, port: port + 1, deaf: true, pidFile: pidFile, grandchild: true},
		))
		r.until(t, nameServer, Ready)
		r.until(t, nameJaeger, Ready)
		r.stop()
		r.until(t, nameServer, Stopping) // its grace is as long as this test waits for anything
		close(r.hurry)
		require.NoError(t, r.wait(t))
		gone(t, pidsIn(t, pidFile, 4)...)
	})

	t.Run("a component's own children go with it", func(t *testing.T) {
		pidFile := filepath.Join(t.TempDir(), "pids")
		r := start(t, fakes(fake{name: nameServer, port: freePorts(t, 1), pidFile: pidFile, grandchild: true}))
		r.until(t, nameServer, Ready)
		r.stop()
		require.NoError(t, r.wait(t))
		gone(t, pidsIn(t, pidFile, 2)...)
	})

	t.Run("a program that cannot be had ends the stack with the reason", func(t *testing.T) {
		pidFile := filepath.Join(t.TempDir(), "pids")
		missing := fake{name: nameJaeger}.program()
		missing.find = func(ctx context.Context, _ report) (upstream.Found, error) {
			pidsIn(t, pidFile, 1)
			return upstream.Found{}, errors.New("no compiler")
		}
		other := fake{name: nameServer, port: freePorts(t, 1), pidFile: pidFile}.program()
		r := start(t, func(context.Context, *Options, *process.Starter, func()) []program { return []program{missing, other} })
		require.EqualError(t, r.wait(t), "jaeger: no compiler")
		gone(t, pidsIn(t, pidFile, 1)...)
	})

	t.Run("an optional program that is not installed does not count", func(t *testing.T) {
		absent := program{name: nameGrafana, find: func(context.Context, report) (upstream.Found, error) {
			return upstream.Found{}, errAbsent
		}}
		r := start(t, func(context.Context, *Options, *process.Starter, func()) []program { return []program{absent} })
		r.until(t, nameGrafana, Absent)
		require.Eventually(t, func() bool { return strings.Contains(r.said(), "everything is ready") }, soon, time.Millisecond)
	})
}

func TestStatusFile(t *testing.T) {
	r := start(t, fakes(fake{name: nameServer, port: freePorts(t, 1)}))
	r.until(t, nameServer, Ready)
	var status Status
	require.Eventually(t, func() bool {
		var err error
		status, err = ReadStatus(r.dir)
		return err == nil && len(status.NotReady()) == 0
	}, soon, 5*time.Millisecond)
	require.Equal(t, os.Getpid(), status.PID)
	require.Equal(t, []string{nameLookout, nameServer}, []string{status.Components[0].Name, status.Components[1].Name})
	require.Positive(t, status.Components[1].MemoryBytes)
	raw, err := json.Marshal(status)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"name":"server","version":"1.2.3","state":"ready"`)

	t.Run("a second stack in the same folder is refused and told where the first is", func(t *testing.T) {
		err := Up(t.Context(), Options{Root: repository(t), Dir: r.dir, Bin: t.TempDir(), Ports: DefaultPorts(0)})
		require.ErrorContains(t, err, "a stack already runs in "+r.dir)
		require.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
	})

	r.stop()
	require.NoError(t, r.wait(t))
	t.Run("after the end nothing is running", func(t *testing.T) {
		_, err := ReadStatus(r.dir)
		require.ErrorIs(t, err, ErrNotRunning)
		require.ErrorContains(t, err, "make run")
	})
	t.Run("where nothing ever ran nothing is running", func(t *testing.T) {
		_, err := ReadStatus(t.TempDir())
		require.ErrorIs(t, err, ErrNotRunning)
	})
}
