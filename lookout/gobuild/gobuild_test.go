package gobuild_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/gobuild"
	"github.com/farmersmarket/platform/lookout/process"
)

func TestRun(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()
	module := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(module, name), []byte(text), 0o600))
	}
	write("go.mod", "module example\n\ngo 1.26\n")
	program := filepath.Join(t.TempDir(), "program")
	job := gobuild.Job{Dir: module, Args: []string{"build", "-o", program, "."}, TempDir: t.TempDir(), Starter: starter}

	t.Run("a program is built", func(t *testing.T) {
		write("main.go", "package main\n\nfunc main() {}\n")
		require.NoError(t, gobuild.Run(t.Context(), job))
		require.FileExists(t, program)
	})
	t.Run("an error of the code is shown as the compiler tells it", func(t *testing.T) {
		write("main.go", "package main\n\nfunc main() { missing() }\n")
		require.ErrorContains(t, gobuild.Run(t.Context(), job), "main.go:3:15: undefined: missing")
	})
}

func TestRunIsStopped(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	// A go tool that has started a compiler which does not end by itself.
	script := "#!/bin/sh\nsleep 1000 &\necho $! > " + pidFile + ".tmp; mv " + pidFile + ".tmp " + pidFile + "\nwait\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- gobuild.Run(ctx, gobuild.Job{Dir: dir, Args: []string{"build"}, TempDir: dir, Starter: starter, Yield: true})
	}()
	var compiler int
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(pidFile)
		if err == nil {
			compiler, err = strconv.Atoi(strings.TrimSpace(string(raw)))
		}
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return process.ResidentBytes(compiler) == 0 }, 20*time.Second, 5*time.Millisecond,
		"the compiler is left behind")
}
