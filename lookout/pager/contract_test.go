package pager

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// TestThePagerEmitsWhatTheCatalogueDeclaresAndNothingElse makes it do all that it does, and compares its metrics and log lines with
// the catalogue both ways.
func TestThePagerEmitsWhatTheCatalogueDeclaresAndNothingElse(t *testing.T) {
	contract := telemetrytest.NewContract(catalogue.Pager(), telemetrytest.OfLibraries(t, "pager"), nil)
	dir, logs := t.TempDir(), &testlog.Buffer{}
	require.NoError(t, os.WriteFile(filepath.Join(dir, currentName), []byte("illegible\ntorn"), 0o600))
	p, err := New(Config{Dir: dir, Log: slog.New(slog.NewJSONHandler(logs, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })

	send(t, p, Firing, "a")
	send(t, p, Resolved, "a")
	post(t, p, "/webhook", "text/plain", "")
	post(t, p, "/webhook", "application/json", "help")
	post(t, p, "/webhook", "application/json", `{"groupKey":"`+strings.Repeat("x", maxWebhookBytes)+`"}`)
	require.NoError(t, p.store.file.Close()) // every write fails from here on
	post(t, p, "/webhook", "application/json", message(Firing, "b", nil))
	p.Handler().ServeHTTP(gone{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	require.NoError(t, contract.SeeMetrics(get(t, p, "/metrics").Body.String()))

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, listener) }()
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), "pager is listening") }, time.Minute, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	contract.SeeLogs(logs.String())
	contract.Check(t, map[string]string{
		`log line "the page inbox cannot be shown"`: "its template is a part of the program, and works",
	}, nil)
}

// gone is somebody who does not take the answer.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("gone") }
