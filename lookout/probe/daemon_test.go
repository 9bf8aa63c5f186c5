package probe

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
)

// started is a daemon that runs.
type started struct {
	base  string
	log   *testlog.Buffer
	stop  context.CancelFunc
	ended chan error
}

func startDaemon(t *testing.T, config Config, patience time.Duration) started {
	t.Helper()
	prober, err := New(config)
	require.NoError(t, err)
	log := &testlog.Buffer{}
	daemon, err := NewDaemon(prober, time.Minute, patience, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, err)
	daemon.interval = 200 * time.Millisecond // the next tick waits for a run that takes longer
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Serve(ctx, listener) }()
	t.Cleanup(cancel)
	return started{base: "http://" + listener.Addr().String(), log: log, stop: cancel, ended: ended}
}

func daemon(t *testing.T, s *stage) {
	t.Run("tells of the last run, and counts failures with their trace", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		customer := s.customer(t, config)
		d := startDaemon(t, config, 0)
		require.Equal(t, "ok\n", fetch(t, d.base+"/healthz"))
		metrics := func(pattern string) {
			t.Helper()
			wanted := regexp.MustCompile(`(?m)^` + pattern + `$`)
			require.Eventually(t, func() bool { return wanted.MatchString(fetch(t, d.base+"/metrics")) }, soon, 20*time.Millisecond, "%s\n%s", pattern, d.log)
		}
		metrics(`probe_success 1\.0`)
		metrics(`probe_http_status_code 200\.0`)
		metrics(`probe_step_success\{step="cancel"\} 1\.0`)
		metrics(`probe_failures_total\{step="pay"\} 0\.0`)
		s.breaks(answers(is("POST", "/api/v1/orders/"+anID+"/pay"), http.StatusBadGateway, "text/html", "<h1>Bad gateway</h1>"))
		metrics(`probe_success 0\.0`)
		metrics(`probe_http_status_code 502\.0`)
		metrics(`probe_step_success\{step="pay"\} 0\.0`)
		metrics(`probe_failures_total\{step="pay"\} [1-9]\S* # \{trace_id="[0-9a-f]{32}"\} 1\.0 \S+`)
		metrics(`probe_orders_cleaned_total [1-9]\S*`)
		require.NotContains(t, fetch(t, d.base+"/metrics"), `probe_step_success{step="read"}`, "the run did not come so far")
		require.Regexp(t, `"msg":"scripted order failed","step":"pay","error":"[^"]*502 Bad Gateway[^"]*","trace_id":"[0-9a-f]{32}"`, d.log.String())
		s.breaks(nil)
		metrics(`probe_success 1\.0`)
		d.stop()
		require.NoError(t, <-d.ended, "an end is no error")
		require.Zero(t, customer.open(t))
		require.NotContains(t, d.log.String(), config.Password)
	})
	t.Run("waits for an API that is being started, and calls nothing failed meanwhile", func(t *testing.T) {
		s.breaks(answers(is("GET", "/api/ready"), http.StatusServiceUnavailable, "text/plain", "starting"))
		d := startDaemon(t, s.config(t), soon)
		require.Eventually(t, func() bool { return len(s.requests()) > 0 }, soon, 5*time.Millisecond)
		require.NotContains(t, fetch(t, d.base+"/metrics"), "\nprobe_success ")
		require.Equal(t, []string{"GET /api/ready"}, s.requests()[:1])
		s.breaks(nil)
		require.Eventually(t, func() bool {
			return regexp.MustCompile(`(?m)^probe_success 1\.0$`).MatchString(fetch(t, d.base+"/metrics"))
		}, soon, 20*time.Millisecond)
		d.stop()
		require.NoError(t, <-d.ended)
	})
	t.Run("ends where payments are real", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		config.AdminURL = s.proxy.URL // has no /admin/sandbox
		d := startDaemon(t, config, 0)
		select {
		case err := <-d.ended:
			require.ErrorIs(t, err, ErrNotSandbox)
		case <-time.After(soon):
			t.Fatal("it goes on")
		}
		require.NotContains(t, s.requests(), "POST /api/v1/orders")
	})
}
