package config_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/config"
)

func TestLoad(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		check   func(*testing.T, config.Config)
	}{
		"an empty environment gives the embedded mode": {
			check: func(t *testing.T, c config.Config) {
				t.Helper()
				require.Equal(t, "127.0.0.1:8080", c.HTTPAddr)
				require.Equal(t, "127.0.0.1:8081", c.AdminAddr, "the admin port is on loopback")
				require.True(t, c.Migrate)
				require.True(t, c.Seed)
				require.False(t, c.Faults)
			},
		},
		"PostgreSQL is neither migrated nor seeded unasked": {
			environ: []string{"DATABASE_URL=postgres://market@db/market"},
			check: func(t *testing.T, c config.Config) {
				t.Helper()
				require.False(t, c.Migrate)
				require.False(t, c.Seed)
			},
		},
		"production is not seeded unasked": {
			environ: []string{
				"ENVIRONMENT=production", "AUTH_KEYS=2026-03:aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI=",
				"PAYMENTS=stripe", "STRIPE_SECRET_KEY=sk_live_1", "STRIPE_WEBHOOK_SECRET=whsec_1",
			},
			check: func(t *testing.T, c config.Config) { t.Helper(); require.False(t, c.Seed) },
		},
		"a setting is taken over": {
			environ: []string{"DRAIN_DELAY=1500ms", "OTLP_ENDPOINT=none"},
			check: func(t *testing.T, c config.Config) {
				t.Helper()
				require.Equal(t, 1500*time.Millisecond, c.DrainDelay)
				require.Empty(t, c.OTLPEndpoint)
			},
		},
		"variables that are not ours are left alone": {
			environ: []string{"PATH=/bin", "HTTP_PROXY=http://proxy", "DATABASE_PORT=5432", "SERVER_PORT=80", "LOG_LEVELS_DIR=x"},
			check:   func(t *testing.T, c config.Config) { t.Helper(); require.Equal(t, "127.0.0.1:8080", c.HTTPAddr) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := config.Load(c.environ)
			require.NoError(t, err)
			c.check(t, loaded)
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"a misspelt name, naming the right one": {
			environ: []string{"DATABSE_URL=sqlite://x"}, want: []string{"DATABSE_URL: there is no such setting", "DATABASE_URL"},
		},
		"several mistakes, all at once": {
			environ: []string{"HTTP_ADDR=8080", "LOG_LEVEL=loud", "TRACE_SAMPLE_RATIO=NaN", "DRAIN_TIMEOUT=5", "BODY_LIMIT=0", "FAULTS=yes"},
			want: []string{
				"6 problem(s)", `HTTP_ADDR: "8080" is not a host:port`, `LOG_LEVEL: "loud" is none of`, "TRACE_SAMPLE_RATIO", "DRAIN_TIMEOUT",
				"BODY_LIMIT: 0 is not from 1 to", `FAULTS: "yes" is neither on nor off`,
			},
		},
		"a database that it cannot talk to": {environ: []string{"DATABASE_URL=mysql://db"}, want: []string{`scheme "mysql"`}},
		"a database without a file":         {environ: []string{"DATABASE_URL=sqlite://"}, want: []string{"it names no file"}},
		"faults in production":              {environ: []string{"ENVIRONMENT=production", "FAULTS=on"}, want: []string{"faults cannot be on in production"}},
		"the sandbox in production":         {environ: []string{"ENVIRONMENT=production"}, want: []string{"PAYMENTS: the sandbox takes no money"}},
		"Stripe without its secrets":        {environ: []string{"PAYMENTS=stripe"}, want: []string{"STRIPE_SECRET_KEY: PAYMENTS=stripe needs it", "STRIPE_WEBHOOK_SECRET: PAYMENTS=stripe needs it"}},
		"Stripe in the clear":               {environ: []string{"STRIPE_BASE_URL=http://stripe.example"}, want: []string{"STRIPE_BASE_URL", "neither https nor on this machine"}},
		"a secret's file that is not there": {environ: []string{"STRIPE_SECRET_KEY_FILE=/nonexistent/key"}, want: []string{"STRIPE_SECRET_KEY_FILE", "/nonexistent/key"}},
		"a secret with a space in it":       {environ: []string{"STRIPE_SECRET_KEY=sk live"}, want: []string{"STRIPE_SECRET_KEY: it has a space"}},
		"production without keys":           {environ: []string{"ENVIRONMENT=production"}, want: []string{"AUTH_KEYS: production needs keys of its own"}},
		"a key that is too short":           {environ: []string{"AUTH_KEYS=a:aHVudGVyMg=="}, want: []string{"AUTH_KEYS: key a has 7 bytes and needs 32"}},
		"an app of browsers without a name": {environ: []string{"RUM_APPS=a,,b"}, want: []string{`RUM_APPS: "a,,b" has an empty word`}},
		"a page of browsers without a path": {environ: []string{"RUM_PAGES=/,"}, want: []string{`RUM_PAGES: "/," has an empty word`}},
		"a Sentry project without a key":    {environ: []string{"SENTRY_DSN=https://sentry.example/42"}, want: []string{"SENTRY_DSN: it is not like https://KEY@HOST/PROJECT"}},
		"logs for no collector":             {environ: []string{"OTLP_LOGS=on", "OTLP_ENDPOINT=none"}, want: []string{"OTLP_LOGS: there is no collector"}},
		"half an address":                   {environ: []string{"CLIENT_ADDRESS=half"}, want: []string{`CLIENT_ADDRESS: "half" is neither network nor full`}},
		"a port out of range":               {environ: []string{"ADMIN_ADDR=127.0.0.1:70000"}, want: []string{"ADMIN_ADDR", "65535"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(c.environ)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	for name, url := range map[string]string{
		"in a valid URL":     "postgres://market:hunter2@db/market?sslmode=require",
		"as a parameter":     "postgres://db/market?user=market&password=hunter2",
		"in a broken URL":    "postgres://market:hunter2@db:port/market",
		"with a strange one": "mysql://market:hunter2@db/market",
		"in no URL":          "host=db user=market password=hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{"DATABASE_URL=" + url}
			var printed bytes.Buffer
			require.NoError(t, config.Print(&printed, environ))
			require.NotContains(t, printed.String(), "hunter2")
			if _, err := config.Load(environ); err != nil {
				require.NotContains(t, err.Error(), "hunter2")
			}
		})
	}
}

func TestASentryDSNIsNeverPrinted(t *testing.T) {
	for _, dsn := range []string{"https://hunter2@sentry.example/42", "https://hunter2@/", "hunter2"} {
		environ := []string{"SENTRY_DSN=" + dsn}
		var printed bytes.Buffer
		require.NoError(t, config.Print(&printed, environ))
		loaded, err := config.Load(environ)
		require.NotContains(t, fmt.Sprintf("%s %v %+v %#v", printed.String(), err, loaded, loaded), "hunter2")
	}
}

func TestASecretSettingIsNeverPrinted(t *testing.T) {
	for name, value := range map[string]string{
		"a good key":       "2026-03:aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI=",
		"a key too short":  "2026-03:aHVudGVyMg==",
		"a key not base64": "2026-03:hunter2!aHVudGVyMg",
		"no key at all":    "aHVudGVyMg==",
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{"AUTH_KEYS=" + value}
			var printed bytes.Buffer
			require.NoError(t, config.Print(&printed, environ))
			loaded, err := config.Load(environ)
			shown := fmt.Sprintf("%s %v %+v %#v", printed.String(), err, loaded, loaded)
			require.NotContains(t, shown, "aHVudGVyMg")
			require.NotContains(t, shown, "hunter2")
			require.NotContains(t, shown, "104 117 110 116 101 114", "nor as the bytes that %v prints")
		})
	}
}
