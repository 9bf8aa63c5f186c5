package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/telemetry"
)

func newTelemetry(t *testing.T) (*telemetry.Telemetry, *strings.Builder) {
	t.Helper()
	logs := &strings.Builder{}
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: logs})
	require.NoError(t, err)
	return tel, logs
}

func metrics(tel *telemetry.Telemetry) string {
	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

func TestTheServiceIsHealthyAsLongAsEveryRequiredCheckPasses(t *testing.T) {
	down := func(context.Context) error { return errors.New("connection to db.internal refused") }
	up := func(context.Context) error { return nil }
	for name, c := range map[string]struct {
		checks  []health.Check
		healthy bool
	}{
		"no check at all":           {nil, true},
		"a required one is up":      {[]health.Check{{Name: "database", Required: true, Probe: up}}, true},
		"a required one is down":    {[]health.Check{{Name: "database", Required: true, Probe: down}}, false},
		"an optional one is down":   {[]health.Check{{Name: "database", Required: true, Probe: up}, {Name: "cache", Probe: down}}, true},
		"one of two required is up": {[]health.Check{{Name: "database", Required: true, Probe: up}, {Name: "cache", Required: true, Probe: down}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tel, _ := newTelemetry(t)
			report := health.New(tel, c.checks...).Report(t.Context())
			require.Equal(t, c.healthy, report.Healthy())
			for _, result := range report.Results {
				require.NotContains(t, result.Problem, "db.internal", "the public is not told where things are")
			}
		})
	}
}

func TestACheckThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t)
		checker := health.New(tel, health.Check{Name: "database", Required: true, Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		report := checker.Report(t.Context())
		require.False(t, report.Healthy())
		require.Equal(t, "it did not answer within 1s", report.Results["database"].Problem)
	})
}

func TestManyWhoAskAtOnceCostOneCheck(t *testing.T) {
	tel, _ := newTelemetry(t)
	var asked atomic.Int32
	checker := health.New(tel, health.Check{Name: "database", Required: true, Probe: func(context.Context) error {
		asked.Add(1)
		return nil
	}})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { checker.Report(t.Context()) })
	}
	wg.Wait()
	require.EqualValues(t, 1, asked.Load())
}

func TestAnOutageAndItsEndAreLoggedOnceAndMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, logs := newTelemetry(t)
		var failing atomic.Bool
		checker := health.New(tel, health.Check{Name: "database", Required: true, Probe: func(context.Context) error {
			if failing.Load() {
				return errors.New("disk on fire")
			}
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); checker.Watch(ctx) }()
		synctest.Wait()
		require.Contains(t, metrics(tel), `market_health_check_up{check="database"} 1`)

		failing.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Contains(t, metrics(tel), `market_health_check_up{check="database"} 0`)

		failing.Store(false)
		time.Sleep(time.Minute)
		cancel()
		<-done
		require.Contains(t, metrics(tel), `market_health_check_up{check="database"} 1`)
		require.Equal(t, 1, strings.Count(logs.String(), "disk on fire"), "one line, not a flood")
		require.Equal(t, 1, strings.Count(logs.String(), "dependency up again"))
	})
}
