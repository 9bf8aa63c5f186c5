// Package servertest runs the server program for tests of what talks to it from outside.
package servertest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
)

// patience bounds every wait; a machine under load is slow.
const patience = 60 * time.Second

// Server is a running server on a SQLite database of its own, with the seed's catalogue and sandbox payments.
type Server struct {
	URL      string // of the API
	AdminURL string // of its admin port

	env []string
}

// Root is the folder of the repository.
func Root(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Start builds the server and runs it until the test ends, with these settings beside those of a test.
func Start(t *testing.T, settings ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "server")
	s := &Server{env: append([]string{
		"PATH=" + os.Getenv("PATH"), "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "OTLP_ENDPOINT=none",
		"DATABASE_URL=sqlite://" + filepath.Join(dir, "market.db"), "AUTH_KEY_FILE=" + filepath.Join(dir, "auth.key"), "IMAGES_URL=file://" + filepath.Join(dir, "images"),
	}, settings...)}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./server") //nolint:gosec // a path of our own
	build.Dir = Root(t)
	output, err := build.CombinedOutput()
	require.NoError(t, err, "build the server: %s", output)

	logs := &testlog.Buffer{}
	cmd := exec.CommandContext(t.Context(), program) //nolint:gosec // what was just built
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.env, dir, logs, logs
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // its logs tell
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
		if t.Failed() {
			t.Log(logs.String())
		}
	})
	require.Eventually(t, func() bool {
		s.URL, s.AdminURL = addressesIn(logs.String())
		return s.URL != ""
	}, patience, 5*time.Millisecond, "the server should serve")
	return s
}

// addressesIn finds the URLs of the API and of the admin port in the logs; empty while the server does not serve.
func addressesIn(logs string) (api, admin string) {
	for line := range strings.Lines(logs) {
		var fields struct {
			Message string `json:"msg"`
			API     string `json:"api"`
			Admin   string `json:"admin"`
		}
		if json.Unmarshal([]byte(line), &fields) == nil && fields.Message == "serving" {
			return "http://" + fields.API, "http://" + fields.Admin
		}
	}
	return "", ""
}

// Env is the settings that the server runs with, for other commands of it to work on the same database.
func (s *Server) Env() []string { return slices.Clone(s.env) }
