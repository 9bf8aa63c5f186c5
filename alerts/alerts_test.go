package alerts_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/alerts"
)

// step is how often rules are evaluated, and the series scraped.
const step = 15 * time.Second

// Each case is a minute and more of scrapes, every 15 seconds: 1 is up, 0 is down, _ is no scrape at all.
func TestWhatTargetsRaise(t *testing.T) {
	for sentence, c := range map[string]struct {
		series string
		until  time.Duration
		want   []string // "severity: summary" of what has fired by then
	}{
		"all are up": {`
			up{job="server",instance="a"} 1x80
			up{job="jaeger",instance="a"} 1x80`, 20 * time.Minute, nil},
		"the only server is down for a minute": {
			`
			up{job="server",instance="a"} 1x20 0x60`, 6*time.Minute + 15*time.Second,
			[]string{"page: The API is down: no instance of it answers Prometheus"},
		},
		"a server that restarts within half a minute raises nothing": {`
			up{job="server",instance="a"} 1x20 0 0 1x60`, 20 * time.Minute, nil},
		"one server of two is down": {
			`
			up{job="server",instance="a"} 1x80
			up{job="server",instance="b"} 0x80`, 20 * time.Minute,
			[]string{"ticket: 1 of the targets of server are down"},
		},
		"two of what watches are down": {
			`
			up{job="server",instance="a"} 1x80
			up{job="jaeger",instance="a"} 0x80
			up{job="jaeger",instance="b"} 0x80`, 20 * time.Minute,
			[]string{"ticket: 2 of the targets of jaeger are down"},
		},
		"what watches may be away for four minutes": {`
			up{job="server",instance="a"} 1x80
			up{job="jaeger",instance="a"} 0x16 1x80`, 20 * time.Minute, nil},
		"a probe fails for longer than any outage that the SLO sees takes to page": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="blackbox",instance="server",probe="live"} 1x20 0x60`, 8 * time.Minute,
			[]string{"page: The API does not answer customers: the probe live fails"},
		},
		"an outage of 105 seconds, such as a drill's, makes no probe page": {`
			up{job="server",instance="a"} 1x80
			probe_success{job="blackbox",instance="server",probe="products"} 1x20 0x6 1x60
			probe_success{job="probe",instance="a",probe="order"} 1x20 0x8 1x60`, 20 * time.Minute, nil},
		"the scripted order fails six times": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="blackbox",instance="server",probe="products"} 1x80
			probe_success{job="probe",instance="a",probe="order"} 1x20 0x60`, 9 * time.Minute,
			[]string{"page: Customers most likely cannot order: the scripted order fails"},
		},
		"all is sold out, which is a ticket": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="probe",instance="a",probe="order"} 0x80
			probe_step_success{job="probe",instance="a",probe="order",step="days"} 1x80
			probe_step_success{job="probe",instance="a",probe="order",step="offerings"} 0x80`, 20 * time.Minute,
			[]string{"ticket: The scripted order finds nothing to order"},
		},
		"no refund comes, which is a ticket": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="probe",instance="a",probe="order"} 0x80
			probe_step_success{job="probe",instance="a",probe="order",step="cancel"} 1x80
			probe_step_success{job="probe",instance="a",probe="order",step="refund"} 0x80`, 20 * time.Minute,
			[]string{"ticket: Customers wait for refunds: that of the scripted order does not come"},
		},
		"it fails in one place of two, which is the place's trouble": {`
			up{job="server",instance="a"} 1x80
			probe_success{job="probe",instance="a",probe="order"} 0x80
			probe_success{job="probe",instance="b",probe="order"} 1x80`, 20 * time.Minute, nil},
		"the documentation is away": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="blackbox",instance="server",probe="docs"} 0x80`, 20 * time.Minute,
			[]string{"ticket: The API's documentation cannot be read"},
		},
		"the probe hangs": {
			`
			up{job="server",instance="a"} 1x80
			probe_success{job="probe",instance="a",probe="order"} 1x80
			probe_last_run_timestamp_seconds{job="probe",instance="a",probe="order"} 0x80`, 6*time.Minute + 30*time.Second,
			[]string{"ticket: The probe order has stopped probing"},
		},
		"a synthetic order is left": {
			`
			up{job="server",instance="a"} 1x80
			probe_orders_left{job="probe",instance="a",probe="order"} 2x80`, 20 * time.Minute,
			[]string{"ticket: 2 synthetic orders may be packed"},
		},
		"no server is known to Prometheus": {
			`
			up{job="jaeger",instance="a"} 1x80`, 20 * time.Minute,
			[]string{"ticket: Prometheus has no target of server to scrape"},
		},
		"while a first start builds the server": {`
			up{job="jaeger",instance="a"} 1x80`, 10 * time.Minute, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			require.ElementsMatch(t, c.want, raised(t, c.series, c.until))
		})
	}
}

func TestTheWatchdogAlwaysFires(t *testing.T) {
	active := firing(t, teststorage.New(t), 0)
	require.Len(t, active, 1)
	require.Equal(t, alerts.Watchdog, active[0].Labels.Get("alertname"))
}

// raised is what has fired by then but the watchdog, as "severity: summary". The series are scraped every 15 seconds.
func raised(t *testing.T, series string, until time.Duration) []string {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 15s"+series)
	t.Cleanup(func() { require.NoError(t, storage.Close()) })
	var fired []string
	for _, a := range firing(t, storage, until) {
		if a.Labels.Get("alertname") != alerts.Watchdog {
			fired = append(fired, a.Labels.Get("severity")+": "+a.Annotations.Get("summary"))
		}
	}
	return fired
}

// firing evaluates the rules every 15 seconds up to the given time and returns what has fired at any of them, once.
func firing(t *testing.T, storage *teststorage.TestStorage, until time.Duration) []*rules.Alert {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	query := rules.EngineQueryFunc(engine, storage)
	fired := map[string]*rules.Alert{}
	for _, group := range alerts.Groups("http://localhost:8090") {
		for _, r := range group.Rules {
			if never(t, engine, storage, r.Expr, until) {
				continue
			}
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			require.NoError(t, err)
			rule := rules.NewAlertingRule(r.Alert, expr, time.Duration(r.For), 0, labels.FromMap(r.Labels),
				labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, promslog.NewNopLogger())
			for now := time.Duration(0); now <= until; now += step {
				_, err := rule.Eval(t.Context(), 0, time.Unix(0, 0).Add(now), query, nil, 0)
				require.NoError(t, err)
				for _, a := range rule.ActiveAlerts() {
					if a.State == rules.StateFiring {
						fired[a.Labels.String()] = a
					}
				}
			}
		}
	}
	return slices.Collect(maps.Values(fired))
}

// never says that the expression is empty at every step. Most are in each case, and one query is faster than a hundred
// evaluations.
func never(t *testing.T, engine *promql.Engine, storage *teststorage.TestStorage, expr string, until time.Duration) bool {
	t.Helper()
	query, err := engine.NewRangeQuery(t.Context(), storage, nil, expr, time.Unix(0, 0), time.Unix(0, 0).Add(until), step)
	require.NoError(t, err)
	defer query.Close()
	matrix, err := query.Exec(t.Context()).Matrix()
	require.NoError(t, err)
	return len(matrix) == 0
}
