package provision_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/provision"
	"github.com/farmersmarket/platform/lookout/provision/grafanafake"
)

func TestRecovery(t *testing.T) {
	saving := grafanafake.Failure{Method: http.MethodPost, Path: "/api/dashboards/db", Status: http.StatusInternalServerError}
	cases := map[string]struct {
		fail   grafanafake.Failure
		check  func(t *testing.T, b *bench, report provision.Report)
		waited []time.Duration
	}{
		"a read that fails is tried again": {
			fail: grafanafake.Failure{Method: http.MethodGet, Path: "/api/dashboards/uid", Status: http.StatusInternalServerError, Times: 2},
		},
		"a locked database is waited for": {fail: with(saving, func(f *grafanafake.Failure) { f.Times = 2 })},
		"a save whose answer got lost is not made twice": {
			fail: with(saving, func(f *grafanafake.Failure) { f.Carry = true }),
			check: func(t *testing.T, b *bench, _ provision.Report) {
				require.Len(t, b.grafana.Messages(board), 1, "one version")
			},
		},
		"Retry-After in seconds is honoured": {
			fail: grafanafake.Failure{
				Method: http.MethodPost, Path: "/api/folders", Status: http.StatusTooManyRequests, RetryAfter: "7",
			},
			waited: []time.Duration{7 * time.Second},
		},
		"Retry-After as a date that has passed means at once": {
			fail: grafanafake.Failure{
				Method: http.MethodGet, Path: "/api/folders", Status: http.StatusServiceUnavailable,
				RetryAfter: "Wed, 04 May 2022 08:00:00 GMT",
			},
			waited: []time.Duration{0},
		},
		"a folder whose creation got lost is not taken for somebody else's": {
			fail: grafanafake.Failure{Method: http.MethodPost, Path: "/api/folders", Status: http.StatusBadGateway, Carry: true},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.grafana.Fail(c.fail)
			report := b.apply(provision.Options{})
			require.Equal(t, "1 folder, 3 data sources, 1 dashboard: created 5", report.Summary())
			require.NotEmpty(t, b.slept, "it waits before it tries again")
			if c.waited != nil {
				require.Equal(t, c.waited, b.slept)
			}
			if c.check != nil {
				c.check(t, b, report)
			}
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
		})
	}
}

func with(f grafanafake.Failure, change func(*grafanafake.Failure)) grafanafake.Failure {
	change(&f)
	return f
}

func TestRefusal(t *testing.T) {
	cases := map[string]struct {
		arrange func(b *bench)
		says    []string
	}{
		"wrong credentials": {
			func(b *bench) { b.grafana.Token = "glsa_another" },
			[]string{"401 Unauthorized", "Invalid API key", "service account token", "GRAFANA_TOKEN"},
		},
		"missing permissions": {
			func(b *bench) { b.grafana.Forbidden = true },
			[]string{"403 Forbidden", "folders:read", "role Admin"},
		},
		"a Grafana that keeps failing": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{Method: http.MethodGet, Path: "/api/health", Status: 500, Times: 99})
			},
			[]string{"500 Internal Server Error", "database is locked", "Grafana's log"},
		},
		"a save that keeps failing": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{Method: http.MethodPost, Path: "/api/dashboards/db", Status: 500, Times: 99})
			},
			[]string{`writing dashboard "fm-service"`, "500 Internal Server Error"},
		},
		"a pause longer than we would wait": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{Method: http.MethodGet, Path: "/api/health", Status: 429, RetryAfter: "3600", Times: 99})
			},
			[]string{"429 Too Many Requests", "try again later"},
		},
		"a proxy's error page": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{
					Method: http.MethodGet, Path: "/api/health", Status: 502, Times: 99, ContentType: "text/html", Body: "<h1>Bad gateway</h1>",
				})
			},
			[]string{"502 Bad Gateway"},
		},
		"a login page": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{
					Method: http.MethodGet, Path: "/api/health", Status: 200, ContentType: "text/html", Body: "<h1>Log in</h1>",
				})
			},
			[]string{"text/html", "--grafana-url"},
		},
		"some other program": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{
					Method: http.MethodGet, Path: "/api/health", Status: 404, ContentType: "application/problem+json", Body: `{"title":"Not Found"}`,
				})
			},
			[]string{"404 Not Found", "there is no Grafana API at this address"},
		},
		"some other program that takes any path": {
			func(b *bench) {
				b.grafana.Fail(grafanafake.Failure{
					Method: http.MethodGet, Path: "/api/health", Status: 200, ContentType: "application/hal+json", Body: "{}",
				})
			},
			[]string{"application/hal+json", "some other program"},
		},
		"a data source name that is taken": {
			func(b *bench) {
				b.grafana.SaveDataSource("theirs", grafanafake.DataSource{
					Name: "Market Loki", Type: "loki", URL: "http://theirs:3100", Settings: map[string]any{},
				})
			},
			[]string{`writing data source "loki"`, "the same name already exists", "its name is taken"},
		},
	}
	for name, c := range cases {
		t.Run(name+" is told with its remedy", func(t *testing.T) {
			b := newBench(t)
			c.arrange(b)
			_, err := provision.Apply(t.Context(), b.client, b.want, provision.Options{})
			require.Error(t, err)
			for _, words := range c.says {
				require.ErrorContains(t, err, words)
			}
			require.NotContains(t, err.Error(), "glsa_")
		})
	}
}

func TestNoWaitIsTooLong(t *testing.T) {
	b := newBench(t)
	b.grafana.Fail(grafanafake.Failure{Method: http.MethodGet, Path: "/api/health", Status: 503, RetryAfter: "3600"})
	_, err := provision.Plan(t.Context(), b.client, b.want, provision.Options{})
	require.ErrorContains(t, err, "503")
	require.Empty(t, b.slept, "an hour's pause is an error now, not a hang")
}

func TestUnreachable(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler("https://login.example.org/", http.StatusFound))
	defer elsewhere.Close()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)

	cases := map[string]struct{ url, says string }{
		"nothing listens":                  {closed.URL, "nothing answers there; start Grafana"},
		"the name does not resolve":        {"http://grafana.invalid:3000", "the name does not resolve"},
		"the certificate is not trusted":   {secure.URL, "SSL_CERT_FILE"},
		"TLS is asked of a plain server":   {"https://" + plain.Listener.Addr().String(), "use http://"},
		"the server is not Grafana":        {plain.URL, "no Grafana API at this address"},
		"the server redirects to a log-in": {elsewhere.URL, "redirects to https://login.example.org/"},
		"no answer comes":                  {silent.URL, "does not answer in time"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			client, err := provision.Connect(provision.Config{URL: c.url, Token: "glsa_secret", Timeout: 50 * time.Millisecond, Sleep: b.sleep})
			require.NoError(t, err)
			_, err = provision.Plan(t.Context(), client, b.want, provision.Options{})
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "glsa_secret")
		})
	}
}

func TestConnectRejects(t *testing.T) {
	cases := map[string]struct {
		config provision.Config
		says   string
	}{
		"an address without scheme":  {provision.Config{URL: "grafana:3000", Token: "x"}, "must look like"},
		"another scheme":             {provision.Config{URL: "ftp://grafana", Token: "x"}, "must look like"},
		"credentials in the address": {provision.Config{URL: "http://admin:hunter2@grafana", Token: "x"}, "holds credentials"},
		"an unreadable address":      {provision.Config{URL: "http://admin:hunter2@gra fana", Token: "x"}, "cannot be read"},
		"no credentials":             {provision.Config{URL: "http://grafana"}, "GRAFANA_TOKEN"},
		"a user without password":    {provision.Config{URL: "http://grafana", User: "admin"}, "--password-file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := provision.Connect(c.config)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestInterruption(t *testing.T) {
	t.Run("Ctrl-C between two writes leaves whole objects, and the next apply continues", func(t *testing.T) {
		b := newBench(t)
		ctx, interrupt := context.WithCancel(t.Context())
		report, err := provision.Apply(ctx, b.client, b.want, provision.Options{
			Progress: func(s provision.Step) {
				if s.UID == "prometheus" {
					interrupt()
				}
			},
		})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "run apply again to continue")
		require.Equal(t, "1 folder, 3 data sources, 1 dashboard: created 2, create 3", report.Summary())
		require.Len(t, b.grafana.Writes(), 2)

		report = b.apply(provision.Options{})
		require.Equal(t, "1 folder, 3 data sources, 1 dashboard: created 3, unchanged 2", report.Summary())
	})
	t.Run("Ctrl-C during a write lets the write finish", func(t *testing.T) {
		b := newBench(t)
		ctx, interrupt := context.WithCancel(t.Context())
		b.grafana.Fail(grafanafake.Failure{Method: http.MethodPost, Path: "/api/folders", Before: interrupt})
		report, err := provision.Apply(ctx, b.client, b.want, provision.Options{})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, "created", report.Steps[0].Outcome())
		require.Len(t, b.grafana.Writes(), 1)
	})
	t.Run("Ctrl-C while waiting for another attempt ends the wait", func(t *testing.T) {
		b := newBench(t)
		ctx, interrupt := context.WithCancel(t.Context())
		b.grafana.Fail(grafanafake.Failure{Method: http.MethodGet, Path: "/api/health", Status: 503, Times: 99, Before: interrupt})
		_, err := provision.Plan(ctx, b.client, b.want, provision.Options{})
		require.ErrorIs(t, err, context.Canceled)
		require.LessOrEqual(t, b.grafana.Requests(), 1)
	})
}

func TestTheTokenIsNeverPrinted(t *testing.T) {
	// The client library prints whole requests, credentials included, when these are set.
	t.Setenv("DEBUG", "1")
	t.Setenv("SWAGGER_DEBUG", "1")
	errorOutput, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer errorOutput.Close()
	terminal := os.Stderr
	os.Stderr = errorOutput
	defer func() { os.Stderr = terminal }()

	b := newBench(t)
	report := b.apply(provision.Options{})
	var printed bytes.Buffer
	provision.PrintPlan(&printed, report)
	onError, err := os.ReadFile(errorOutput.Name())
	require.NoError(t, err)
	require.NotContains(t, printed.String()+string(onError)+fmt.Sprintf("%+v", report), b.grafana.Token)
	require.Empty(t, string(onError))
}
