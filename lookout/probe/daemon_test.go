package probe

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func daemon(t *testing.T, s *stage) {
	t.Run("tells of the last run, and counts failures with their trace", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		customer := s.customer(t, config)
		collector := telemetrytest.NewCollector(t)
		config.OTLPEndpoint, config.OTLPInsecure = collector.Addr, true
		d := s.startDaemon(t, config, 0)
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
		require.Regexp(t, `"msg":"scripted order failed","service":"market-probe","step":"pay","error":"[^"]*502 Bad Gateway[^"]*","trace_id":"[0-9a-f]{32}"`, d.log.String())
		s.breaks(nil)
		metrics(`probe_success 1\.0`)
		require.NoError(t, d.end(t, s), "an end is no error")
		s.contract.SeeSpans(collector.ResourceSpans())
		require.Zero(t, customer.open(t))
		require.NotContains(t, d.log.String(), config.Password)
	})
	t.Run("counts failures without a trace where none is kept", func(t *testing.T) {
		s.breaks(answers(is("POST", "/api/v1/orders"), http.StatusConflict, "application/problem+json", `{"status":409}`))
		d := s.startDaemon(t, s.config(t), 0)
		failures := regexp.MustCompile(`(?m)^probe_failures_total\{step="place"\} [1-9].*$`)
		require.Eventually(t, func() bool { return failures.MatchString(fetch(t, d.base+"/metrics")) }, soon, 20*time.Millisecond)
		require.NotContains(t, failures.FindString(fetch(t, d.base+"/metrics")), "trace_id")
		require.NoError(t, d.end(t, s))
	})
	t.Run("waits for an API that is being started, and calls nothing failed meanwhile", func(t *testing.T) {
		s.breaks(answers(is("GET", "/api/ready"), http.StatusServiceUnavailable, "text/plain", "starting"))
		d := s.startDaemon(t, s.config(t), soon)
		require.Eventually(t, func() bool { return len(s.requests()) > 0 }, soon, 5*time.Millisecond)
		require.NotContains(t, fetch(t, d.base+"/metrics"), "\nprobe_success ")
		require.Equal(t, []string{"GET /api/ready"}, s.requests()[:1])
		s.breaks(nil)
		require.Eventually(t, func() bool {
			return regexp.MustCompile(`(?m)^probe_success 1\.0$`).MatchString(fetch(t, d.base+"/metrics"))
		}, soon, 20*time.Millisecond)
		require.NoError(t, d.end(t, s))
	})
	t.Run("ends where payments are real", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		config.AdminURL = s.proxy.URL // has no /admin/sandbox
		d := s.startDaemon(t, config, 0)
		select {
		case err := <-d.ended:
			require.ErrorIs(t, err, ErrNotSandbox)
			s.contract.SeeLogs(d.log.String())
		case <-time.After(soon):
			t.Fatal("it goes on")
		}
		require.NotContains(t, s.requests(), "POST /api/v1/orders")
	})
}
