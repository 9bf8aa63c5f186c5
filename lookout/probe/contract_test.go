package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// neverSeen is what the probe declares and its tests do not bring about, each with the reason.
var neverSeen = map[string]string{
	`attribute http.request.resend_count of span "{http.request.method}"`: "the API redirects nobody, and the probe repeats nothing",
}

// order runs the script once, as the daemon does. All that comes of it is compared with what is declared.
func (s *stage) order(t *testing.T, config Config) Result {
	t.Helper()
	collector, logs := telemetrytest.NewCollector(t), &testlog.Buffer{}
	if config.OTLPEndpoint == "" {
		config.OTLPEndpoint, config.OTLPInsecure = collector.Addr, true
	}
	config.Logs = logs
	prober, err := New(config)
	require.NoError(t, err)
	daemon, err := NewDaemon(prober, 2*config.Timeout, 0)
	require.NoError(t, err)
	result := daemon.run(t.Context())
	prober.Close()
	page := httptest.NewRecorder()
	daemon.Handler().ServeHTTP(page, scrapeOf(t, "/metrics"))
	require.NoError(t, s.contract.SeeMetrics(page.Body.String()))
	daemon.Handler().ServeHTTP(gone{page}, scrapeOf(t, "/metrics"))
	s.contract.SeeSpans(collector.ResourceSpans())
	s.contract.SeeLogs(logs.String())
	return result
}

func scrapeOf(t *testing.T, address string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	return request
}

// gone is somebody who does not take the answer.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("gone") }

// started is a daemon that runs.
type started struct {
	base  string
	log   *testlog.Buffer
	stop  context.CancelFunc
	ended chan error
}

func (s *stage) startDaemon(t *testing.T, config Config, patience time.Duration) started {
	t.Helper()
	log := &testlog.Buffer{}
	config.Logs = log
	prober, err := New(config)
	require.NoError(t, err)
	daemon, err := NewDaemon(prober, time.Minute, patience)
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

// end stops the daemon, compares its page and its lines with what is declared, and returns what it ends with.
func (d started) end(t *testing.T, s *stage) error {
	t.Helper()
	require.NoError(t, s.contract.SeeMetrics(fetchAs(t, d.base+"/metrics", "text/plain")))
	d.stop()
	err := <-d.ended
	s.contract.SeeLogs(d.log.String())
	return err
}

// collectorInTrouble refuses what it is sent, is away for a while, and is away at the end.
func collectorInTrouble(t *testing.T, s *stage) {
	for sentence, c := range map[string]struct {
		refusal error
		line    string
	}{
		"that refuses spans": {status.Error(codes.InvalidArgument, "bad span"), "collector refuses what it is sent"},
		"that is away":       {status.Error(codes.Unavailable, "not now"), "collector reachable again"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s.breaks(nil)
			collector := telemetrytest.NewCollector(t)
			collector.RefuseNext(nil, c.refusal)
			config := s.config(t)
			config.OTLPEndpoint, config.OTLPInsecure = collector.Addr, true
			d := s.startDaemon(t, config, 0)
			require.Eventually(t, d.said(c.line), soon, 20*time.Millisecond, "%s\n%s", c.line, d.log)
			require.NoError(t, d.end(t, s))
			s.contract.SeeSpans(collector.ResourceSpans())
		})
	}
	t.Run("that is away to the end", func(t *testing.T) {
		s.breaks(nil)
		config := s.config(t)
		config.OTLPEndpoint, config.OTLPInsecure = "127.0.0.1:1", true
		d := s.startDaemon(t, config, 0)
		require.Eventually(t, d.said("scripted order succeeded"), soon, 20*time.Millisecond, "%s", d.log)
		require.NoError(t, d.end(t, s))
		require.True(t, d.said("telemetry was lost at the end")(), "%s", d.log)
	})
}

// said tells whether a line with the message was written.
func (d started) said(message string) func() bool {
	return func() bool { return strings.Contains(d.log.String(), `"msg":"`+message+`"`) }
}
