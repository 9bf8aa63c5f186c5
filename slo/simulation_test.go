package slo_test

import (
	"context"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/slo"
)

// interval is both the scrape and the evaluation interval of the simulation, as in compose/prometheus/prometheus.yml.
const interval = 5 * time.Second

// market is a simulated server, scraped and judged by Prometheus's own storage and rule engine.
type market struct {
	t       *testing.T
	storage *teststorage.TestStorage
	engine  *promql.Engine
	groups  []*rules.Group
	now     time.Time
	count   map[string]float64       // requests so far, by status code
	firing  map[string]time.Time     // since when each tier fires, by long window
	page    map[string]labels.Labels // the annotations of each tier that has fired
	calm    bool                     // history, in which an evaluation a minute is enough
}

func newMarket(t *testing.T, s slo.SLO) *market {
	t.Helper()
	m := &market{
		t: t, storage: teststorage.New(t),
		now:    time.Date(2026, 3, 7, 6, 2, 13, 0, time.UTC), // on no edge of a window or tile
		count:  map[string]float64{"200": 0, "404": 0, "500": 0},
		firing: map[string]time.Time{}, page: map[string]labels.Labels{},
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute}),
	}
	t.Cleanup(func() { require.NoError(t, m.engine.Close()) })
	file := filepath.Join(t.TempDir(), "slo.yml")
	text, err := yaml.Marshal(rulefmt.RuleGroups{Groups: s.Groups("http://localhost:8090")})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(m.engine, m.storage), Appendable: m.storage, Queryable: m.storage,
		Context: t.Context(), Logger: promslog.NewNopLogger(), ExternalURL: &url.URL{},
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	groups, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, file)
	require.Empty(t, errs)
	for _, group := range groups {
		m.groups = append(m.groups, group)
	}
	slices.SortFunc(m.groups, func(a, b *rules.Group) int { return strings.Compare(a.Name(), b.Name()) })
	return m
}

// serve lets time pass while the server answers that many requests a second, of which a share fails.
func (m *market) serve(d time.Duration, perSecond, errorRatio float64) {
	m.pass(d, func() {
		m.count["500"] += perSecond * errorRatio * interval.Seconds()
		m.count["200"] += perSecond * (1 - errorRatio) * interval.Seconds()
		m.scrape()
	})
}

// history is serve for the time before what a test looks at. It is evaluated once a minute, which is much faster.
func (m *market) history(d time.Duration, perSecond, errorRatio float64) {
	m.calm = true
	m.serve(d, perSecond, errorRatio)
	m.calm = false
}

// fail answers that many requests with a server error, at once.
func (m *market) fail(requests float64) { m.count["500"] += requests }

// gone lets time pass with no server to scrape. Its series end, as Prometheus ends those of a target that is down.
func (m *market) gone(d time.Duration) {
	stale := m.storage.Appender(m.t.Context())
	for code := range m.count {
		_, err := stale.Append(0, requests(code), m.now.UnixMilli()+1, math.Float64frombits(value.StaleNaN))
		require.NoError(m.t, err)
	}
	require.NoError(m.t, stale.Commit())
	m.pass(d, func() {})
}

func (m *market) pass(d time.Duration, step func()) {
	m.t.Helper()
	for end := m.now.Add(d); m.now.Before(end); {
		m.now = m.now.Add(interval)
		step()
		for _, group := range m.groups {
			every := group.Interval()
			if m.calm {
				every = time.Minute
			}
			if m.now.Unix()%int64(every.Seconds()) < int64(interval.Seconds()) {
				group.Eval(m.t.Context(), m.now)
			}
		}
		m.watch()
	}
}

func (m *market) scrape() {
	appender := m.storage.Appender(m.t.Context())
	for code, count := range m.count {
		_, err := appender.Append(0, requests(code), m.now.UnixMilli(), math.Floor(count))
		require.NoError(m.t, err)
	}
	require.NoError(m.t, appender.Commit())
}

func requests(code string) labels.Labels {
	return labels.FromStrings("__name__", "http_server_request_duration_seconds_count", "job", "server", "instance", "a",
		"http_route", "/api/v1/products", "http_request_method", "GET", "http_response_status_code", code)
}

func (m *market) watch() {
	for _, group := range m.groups {
		for _, rule := range group.AlertingRules() {
			window := rule.Labels().Get(slo.LabelLongWindow)
			require.NoError(m.t, rule.LastError())
			active := rule.ActiveAlerts()
			if _, known := m.firing[window]; len(active) > 0 && !known {
				m.firing[window] = m.now
				m.page[window] = active[0].Annotations
			}
			if len(active) == 0 {
				delete(m.firing, window)
			}
		}
	}
}

// value is a recorded series now; false when it is absent.
func (m *market) value(series string) (float64, bool) {
	m.t.Helper()
	query, err := m.engine.NewInstantQuery(m.t.Context(), m.storage, nil, series, m.now)
	require.NoError(m.t, err)
	defer query.Close()
	vector, err := query.Exec(m.t.Context()).Vector()
	require.NoError(m.t, err)
	require.LessOrEqual(m.t, len(vector), 1, series)
	if len(vector) == 0 {
		return 0, false
	}
	require.Equal(m.t, map[string]string{"__name__": series, "service": "market-api", "slo": "api-availability"}, vector[0].Metric.Map())
	return vector[0].F, true
}

func (m *market) requireValue(t *testing.T, series string, want, within float64) {
	t.Helper()
	got, found := m.value(series)
	require.True(t, found, "%s is absent", series)
	require.InDelta(t, want, got, within, series)
}

func apiAvailability(t *testing.T) slo.SLO {
	t.Helper()
	slos, err := slo.LoadFile("api-availability.yaml")
	require.NoError(t, err)
	require.Len(t, slos, 1)
	return slos[0]
}

func TestATotalOutagePagesWhenTheWorkbookSays(t *testing.T) {
	s := apiAvailability(t)
	for sentence, c := range map[string]struct {
		history    time.Duration
		errorRatio float64
	}{
		"after a full hour of healthy traffic": {time.Hour, 1},
		"ten minutes after the first start":    {10 * time.Minute, 1},
		"a minute after the first start":       {time.Minute, 1},
		"half of the requests fail":            {time.Hour, 0.5},
		"one request in ten fails":             {2 * time.Hour, 0.1},
	} {
		t.Run(sentence, func(t *testing.T) {
			m := newMarket(t, s)
			m.serve(c.history, 10, 0)
			require.Empty(t, m.firing)
			began := m.now
			m.serve(15*time.Minute, 10, c.errorRatio)
			since, paged := m.firing["1h"]
			require.True(t, paged)
			if slow, both := m.firing["6h"]; both {
				require.False(t, slow.Before(since), "the fast page is the first")
			}
			computed := s.Detect(slo.Outage{ErrorRatio: c.errorRatio, Before: 10, During: 10, History: c.history})[0].After
			require.InDelta(t, computed.Seconds(), since.Sub(began).Seconds(), 2*interval.Seconds()+0.02*computed.Seconds())
		})
	}
}

func TestAfterAnOutage(t *testing.T) {
	m := newMarket(t, apiAvailability(t))
	m.history(20*time.Minute, 10, 0)
	m.serve(80*time.Second, 10, 1)
	require.Contains(t, m.firing, "1h")

	t.Run("nothing but the first page fires, although the service is minutes old", func(t *testing.T) {
		require.Len(t, m.firing, 1)
	})
	t.Run("the page says what fails, what is left and when it is gone", func(t *testing.T) {
		page := m.page["1h"]
		require.Regexp(t, `^1\d\.\d+% of API requests failed in the last 5 minutes; 9\d\.\d+% of the 30-day error budget is left$`, page.Get("summary"))
		require.Regexp(t, `^In the last hour it was 1\.\d+%: more than 14\.4 times what the objective of 99\.9% allows. `+
			`At the present rate the error budget is spent in \dh \d+m \d+s\.$`, page.Get("description"))
		require.Equal(t, "http://localhost:8090/runbooks/api-availability", page.Get("runbook_url"))
		require.Equal(t, "http://localhost:8090/d/fm-service", page.Get("dashboard_url"))
	})
	t.Run("the budget that it cost shows within a minute", func(t *testing.T) {
		m.serve(time.Minute, 10, 0)
		outage := 80 * time.Second
		m.requireValue(t, slo.BudgetRemainingRatio, 1-outage.Seconds()/(0.001*slo.Period.Seconds()), 0.002)
	})
	t.Run("the page resolves within the short window", func(t *testing.T) {
		m.serve(5*time.Minute, 10, 0)
		require.Empty(t, m.firing)
		m.requireValue(t, slo.ErrorRatio(slo.Window5m), 0, 0)
		m.requireValue(t, slo.ErrorRatio(slo.Window1h), 80.0/3600, 0.001)
	})
	t.Run("nothing burns, so nothing says when the budget is gone", func(t *testing.T) {
		_, found := m.value(slo.BudgetExhaustionSeconds)
		require.False(t, found)
	})
}

func TestWhatDoesNotPage(t *testing.T) {
	s := apiAvailability(t)
	t.Run("a single failure at night, when it is one of few requests", func(t *testing.T) {
		m := newMarket(t, s)
		m.history(time.Hour, 0.01, 0)
		m.fail(1)
		m.serve(10*time.Minute, 0.01, 0)
		m.history(time.Hour, 0.01, 0)
		require.Empty(t, m.page)
	})
	t.Run("four failures at night; the fifth does", func(t *testing.T) {
		m := newMarket(t, s)
		m.history(time.Hour, 0.01, 0)
		m.fail(4)
		m.serve(2*time.Minute, 0.01, 0)
		require.Empty(t, m.page)
		m.fail(1)
		m.serve(2*time.Minute, 0.01, 0)
		require.Contains(t, m.firing, "1h")
	})
	t.Run("errors within the objective", func(t *testing.T) {
		m := newMarket(t, s)
		m.history(time.Hour, 100, 0.0009)
		m.serve(time.Minute, 100, 0.0009)
		require.Empty(t, m.page)
		m.requireValue(t, slo.BurnRate(slo.Window1h), 0.9, 0.02)
	})
	t.Run("no traffic, which is no error", func(t *testing.T) {
		m := newMarket(t, s)
		m.serve(20*time.Minute, 0, 0)
		require.Empty(t, m.page)
		for _, w := range slo.Windows() {
			m.requireValue(t, slo.ErrorRatio(w), 0, 0)
		}
		m.requireValue(t, slo.BudgetRemainingRatio, 1, 0)
	})
}

func TestTheBudgetSurvives(t *testing.T) {
	s := apiAvailability(t)
	finite := func(t *testing.T, m *market) {
		t.Helper()
		left, found := m.value(slo.BudgetRemainingRatio)
		require.True(t, found)
		require.False(t, math.IsNaN(left) || math.IsInf(left, 0), "%v", left)
		require.LessOrEqual(t, left, 1.0)
	}
	t.Run("an idle night between two busy hours", func(t *testing.T) {
		m := newMarket(t, s)
		m.history(30*time.Minute, 10, 0.01)
		m.history(time.Hour, 0, 0)
		finite(t, m)
		m.history(30*time.Minute, 10, 0)
		finite(t, m)
	})
	t.Run("a server that was down and comes back with its counters at zero", func(t *testing.T) {
		m := newMarket(t, s)
		m.history(30*time.Minute, 10, 0.01)
		m.gone(10 * time.Minute)
		finite(t, m)
		_, found := m.value(slo.ErrorRatio(slo.Window5m))
		require.False(t, found, "the ratio of a server that is gone is absent, not 0: TargetDown speaks for it")
		m.count = map[string]float64{"200": 0, "404": 0, "500": 0}
		m.serve(10*time.Minute, 10, 0)
		finite(t, m)
		m.requireValue(t, slo.ErrorRatio(slo.Window5m), 0, 0)
	})
	t.Run("a server that has never answered with an error and so has no series of errors", func(t *testing.T) {
		m := newMarket(t, s)
		delete(m.count, "500")
		m.pass(10*time.Minute, func() { m.count["200"] += 50; m.scrape() })
		m.requireValue(t, slo.EventsBad(slo.Window5m), 0, 0)
		m.requireValue(t, slo.BudgetRemainingRatio, 1, 0)
	})
}

// Noon has a hundred times the traffic of the night. A mean of ratios would weigh both the same and come to 0.25.
func TestLongWindowsAreWeighedByTraffic(t *testing.T) {
	m := newMarket(t, apiAvailability(t))
	m.history(65*time.Minute, 100, 0)
	m.history(time.Hour, 1, 0.5)
	bad, total := 0.5*3600, 101*3600.0
	m.requireValue(t, slo.ErrorRatio(slo.Window2h), bad/total, 0.1*bad/total)
}

// Before there are data for the whole window, the rest of it counts as good events at the traffic seen.
func TestAWindowLongerThanTheDataIsFilledUp(t *testing.T) {
	m := newMarket(t, apiAvailability(t))
	m.serve(30*time.Minute, 10, 0.02)
	m.requireValue(t, slo.ErrorRatio(slo.Window5m), 0.02, 0.001)
	m.requireValue(t, slo.ErrorRatio(slo.Window1h), 0.02/2, 0.001)
	m.requireValue(t, slo.ErrorRatio(slo.Window6h), 0.02/12, 0.0002)
	m.requireValue(t, slo.EventsTotal(slo.Window1h), 36000, 600)
}
