package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// openForTest starts the real server, as it is measured, on a database of the system.
func openForTest(t *testing.T, system string) *measured {
	t.Helper()
	program := filepath.Join(t.TempDir(), "server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/farmersmarket/platform/server")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "build the server: %s", output)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	run, err := openMeasured(t.Context(), system, program)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, run.close())
		left, err := os.ReadDir(temporary)
		require.NoError(t, err)
		require.Empty(t, left, "what was made is deleted")
	})
	return run
}

func TestTheBareSideOfAnOrder(t *testing.T) {
	for _, system := range systems() {
		t.Run(system, func(t *testing.T) {
			run := openForTest(t, system)
			bare, err := openBare(t.Context(), run.db.url, run.crowd)
			require.NoError(t, err)
			defer func() { require.NoError(t, bare.close()) }()

			t.Run("executes the server's statements, and leaves the same rows", func(t *testing.T) {
				require.NoError(t, run.prove(t.Context(), bare))
			})
			whole := bare.baskets[0]
			t.Run("is refused when it lacks a statement", func(t *testing.T) {
				bare.baskets[0] = whole[1:]
				require.ErrorContains(t, run.prove(t.Context(), bare), "the server executes")
			})
			t.Run("is refused when it writes something else", func(t *testing.T) {
				bare.baskets[0] = bare.baskets[1]
				require.ErrorContains(t, run.prove(t.Context(), bare), "the server leaves")
			})
			bare.baskets[0] = whole
			t.Run("takes turns with orders over HTTP", func(t *testing.T) {
				const turns, length = 1, 20 * time.Millisecond
				c, err := compare(t.Context(), turns, length, run.ordering, bare.ordering(run.crowd))
				require.NoError(t, err)
				require.Positive(t, c.own)
				require.Positive(t, c.bare)
			})
		})
	}
}

func TestWhatIsMeasuredHasAllOn(t *testing.T) {
	run := openForTest(t, "sqlite")
	require.NoError(t, run.mustHaveAllOn(t.Context()))
}

func TestAServerWithoutLimitsIsNotMeasured(t *testing.T) {
	run := openForTest(t, "sqlite")
	require.NoError(t, run.server.stop())
	server, err := startServer(t.Context(), run.server.command.Path, run.db.url, run.collector, "RATE_LIMITS=off")
	require.NoError(t, err)
	run.server = server
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	require.ErrorContains(t, run.mustHaveAllOn(ctx), "lacks rate limits")
}
