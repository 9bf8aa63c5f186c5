package recording_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/recording"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/upstream"
)

func options(t *testing.T) recording.Options {
	t.Helper()
	root, err := stack.FindRepository()
	require.NoError(t, err)
	starter := process.NewStarter()
	t.Cleanup(starter.Close)
	return recording.Options{
		Root:        root,
		Builder:     upstream.Builder{Root: root, BinDir: filepath.Join(root, ".bin"), Starter: starter},
		PostgresURL: cmp.Or(os.Getenv("TEST_POSTGRES_URL"), "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"),
		RedisURL:    cmp.Or(os.Getenv("TEST_REDIS_URL"), "redis://127.0.0.1:6379"),
		Announce:    func(text string) { t.Log(text) },
	}
}

// TestRecord starts the real programs. Record itself waits for the metrics that each must expose.
func TestRecord(t *testing.T) {
	for _, job := range recording.Jobs() {
		t.Run(job, func(t *testing.T) {
			program, err := recording.Record(t.Context(), job, options(t))
			require.NoError(t, err)
			require.Equal(t, job, program.Job)
		})
	}
}

func TestWhatCannotBeRecorded(t *testing.T) {
	t.Run("a job whose program is not started here", func(t *testing.T) {
		_, err := recording.Record(t.Context(), "rediss", options(t))
		require.ErrorContains(t, err, `did you mean "redis"?`)
	})
	t.Run("PostgreSQL while there is none", func(t *testing.T) {
		away := options(t)
		away.PostgresURL = "postgres://postgres@127.0.0.1:1/postgres"
		_, err := recording.Record(t.Context(), "postgres", away)
		require.ErrorContains(t, err, "start one, or name another with --postgres")
	})
}
