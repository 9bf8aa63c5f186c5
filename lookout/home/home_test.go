package home

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/webui"
	"github.com/farmersmarket/platform/slo"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func TestFrontPage(t *testing.T) {
	body := newFixture(t, nil).get(t, "/").Body.String()
	for name, words := range map[string]string{
		"says the worst first":                      "Somebody is being paged: 1 alert fires.",
		"names the alert":                           "6.2% of API requests failed in the last 5m",
		"says how long it has fired":                "for 4 min 50 s",
		"shows the budget left":                     "91.3 %",
		"shows the objective with its nines":        "99.9 % over 30 days",
		"shows the burn rate":                       "61.8×",
		"says what the pace leads to":               "At the pace of the last hour it is gone in 6 d 8 h",
		"plots requests":                            `aria-label="Requests over the last 15 minutes"`,
		"names the axis's unit":                     "/s</li>",
		"shows latency quantiles":                   "p95 <b>",
		"links a latency dot to its trace":          `<a href="/traces/` + errorTraceID,
		"says why a request failed":                 "list products: database is locked (5) (SQLITE_BUSY)",
		"shows who was paged":                       "resolved",
		"shows a component's state":                 "1 restart<",
		"says what stands in for what is not there": "not installed; the plots above stand in for it",
	} {
		t.Run(name, func(t *testing.T) { shows(t, body, words) })
	}
	require.NotContains(t, body, "Watchdog", "it always fires and says nothing")
	require.NotContains(t, body, ">Grafana<", "it is not there, so no link leads to it")
}

// shows looks for words without printing the whole page when they are missing.
func shows(t *testing.T, page, words string) {
	t.Helper()
	if !strings.Contains(page, words) {
		t.Errorf("the page does not say %q", words)
	}
}

func TestEveryPanelFailsAlone(t *testing.T) {
	all := []string{"91.3 %", "p95 <b>", "SQLITE_BUSY", "58% of API requests", "for 4 min 50 s", "16686"}
	for name, test := range map[string]struct {
		edit    func(config *Config, nowhere string)
		says    string
		missing []string
	}{
		"without Prometheus the budget and the plots say so": {
			func(c *Config, nowhere string) { c.PrometheusURL = nowhere },
			"Prometheus at %s does not answer: nothing listens there.",
			[]string{"91.3 %", "p95 <b>"},
		},
		"without Jaeger the traces say so": {
			func(c *Config, nowhere string) { c.JaegerURL = nowhere },
			"Jaeger at %s does not answer: nothing listens there.",
			[]string{"SQLITE_BUSY"},
		},
		"without the pager the pages say so": {
			func(c *Config, nowhere string) { c.PagerURL = nowhere },
			"The pager at %s does not answer: nothing listens there.",
			[]string{"58% of API requests"},
		},
		"without Alertmanager the alerts say so": {
			func(c *Config, nowhere string) { c.AlertmanagerURL = nowhere },
			"Alertmanager at %s does not answer: nothing listens there.",
			[]string{"for 4 min 50 s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			nowhere := unreachableURL(t)
			answer := newFixture(t, func(c *Config) { test.edit(c, nowhere) }).get(t, "/")
			require.Equal(t, http.StatusOK, answer.Code)
			body := answer.Body.String()
			shows(t, body, strings.ReplaceAll(test.says, "%s", nowhere))
			for _, words := range all {
				require.Equal(t, !slices.Contains(test.missing, words), strings.Contains(body, words), words)
			}
		})
	}
	t.Run("a source that answers nonsense is named", func(t *testing.T) {
		body := newFixture(t, func(c *Config) { c.JaegerURL = serve(t, answering(t, "/api/traces", "<html>")) }).get(t, "/").Body.String()
		shows(t, body, "answers something other than expected")
		shows(t, body, "91.3 %")
	})
}

func TestVerdict(t *testing.T) {
	component := func(state stack.State) panel[[]componentView] {
		return panel[[]componentView]{Data: []componentView{{Component: stack.Component{Name: "server", State: state}}}}
	}
	measured := panel[[]sloView]{Data: []sloView{{}}}
	for name, test := range map[string]struct {
		view frontView
		says string
	}{
		"all is well":                     {frontView{Components: component(stack.Ready), SLOs: measured}, "All is well"},
		"nothing is measured yet":         {frontView{Components: component(stack.Ready)}, "first measurements"},
		"a component is starting":         {frontView{Components: component(stack.Starting), SLOs: measured}, "server is starting."},
		"a component is down":             {frontView{Components: component(stack.Restarting), SLOs: measured}, "server is not running."},
		"a blind page does not call well": {frontView{Components: component(stack.Ready), SLOs: measured, Traces: panel[[]traceSummary]{Failure: "x"}}, "Jaeger is silent"},
		"errors are seen before an alert fires": {frontView{Components: component(stack.Ready), SLOs: panel[[]sloView]{Data: []sloView{
			{Burn: []burnView{{Window: slo.Window5m, Ratio: 0.5, Class: "bad"}}},
		}}}, "but 50 % of events failed"},
		"a ticket is no page": {frontView{
			SLOs: measured, Alerts: panel[[]alertView]{Data: []alertView{{Severity: "ticket"}, {Severity: "ticket"}}},
		}, "2 alerts fire."},
	} {
		t.Run(name, func(t *testing.T) { require.Contains(t, test.view.Verdict().Text, test.says) })
	}
}

func TestComponentsFromPrometheus(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Components = nil })
	var components []stack.Component
	require.NoError(t, json.Unmarshal(f.get(t, "/api/status").Body.Bytes(), &components))
	require.Len(t, components, 3)
	require.Equal(t, "pager", components[0].Name)
	require.Equal(t, stack.Failed, components[0].State)
	require.Equal(t, "Prometheus cannot scrape it", components[0].Detail)
	require.Equal(t, stack.Ready, components[2].State)
	shows(t, f.get(t, "/").Body.String(), "Prometheus cannot scrape it")

	down := newFixture(t, func(c *Config) { c.Components, c.PrometheusURL = nil, unreachableURL(t) }).get(t, "/api/status")
	require.Equal(t, http.StatusServiceUnavailable, down.Code)
}

func TestTracePage(t *testing.T) {
	f := newFixture(t, nil)
	for name, test := range map[string]struct {
		path   string
		status int
		says   []string
	}{
		"a trace is shown with its spans, cause and attributes": {
			"/traces/" + errorTraceID, http.StatusOK,
			[]string{"GET /api/v1/products", "SELECT products", "41.2 ms", "SQLITE_BUSY", "db.query.text", "service.version"},
		},
		"a trace that is gone is explained": {
			"/traces/0af7651916cd43dd8448eb211c80319c", http.StatusNotFound, []string{"Jaeger does not have this trace"},
		},
		"what is no trace id is refused": {"/traces/..%2f..%2fetc", http.StatusNotFound, []string{"no trace id"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := f.get(t, test.path)
			require.Equal(t, test.status, answer.Code)
			for _, words := range test.says {
				shows(t, answer.Body.String(), words)
			}
		})
	}
	t.Run("a Jaeger that is down is named", func(t *testing.T) {
		answer := newFixture(t, func(c *Config) { c.JaegerURL = unreachableURL(t) }).get(t, "/traces/"+errorTraceID)
		require.Equal(t, http.StatusBadGateway, answer.Code)
		shows(t, answer.Body.String(), "nothing listens there")
	})
}

// Whatever graph the references form (a missing parent, a circle), every span has exactly one row.
func TestWaterfallShowsEverySpanOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "spans")
		var trace jaegerTrace
		for i := range n {
			span := jaegerSpan{
				SpanID:    string(rune('a' + i)),
				StartTime: rapid.Int64Range(0, 1000).Draw(t, "start"),
				Duration:  rapid.Int64Range(0, 1000).Draw(t, "duration"),
			}
			if parent := rapid.IntRange(-1, n).Draw(t, "parent"); parent >= 0 {
				span.References = append(span.References, struct {
					Type   string `json:"refType"`
					SpanID string `json:"spanID"`
				}{"CHILD_OF", string(rune('a' + parent))})
			}
			trace.Spans = append(trace.Spans, span)
		}
		seen := map[string]int{}
		for _, row := range newWaterfall(trace).Rows {
			seen[row.ID]++
		}
		for _, span := range trace.Spans {
			if seen[span.SpanID] != 1 {
				t.Fatalf("span %s is shown %d times", span.SpanID, seen[span.SpanID])
			}
		}
	})
}

func TestDashboardLink(t *testing.T) {
	grafana := func(c *Config) {
		c.GrafanaURL = serve(t, answering(t, "/api/health", `{"database":"ok","version":"12.0.0"}`))
		c.Links.Grafana = "http://localhost:3000"
	}
	for name, test := range map[string]struct {
		edit   func(*Config)
		path   string
		target string
	}{
		"leads to the plots while Grafana is absent":   {nil, "/d/fm-service", "/#plots"},
		"leads to the plots while Grafana is down":     {func(c *Config) { c.GrafanaURL = unreachableURL(t) }, "/d/fm-service", "/#plots"},
		"leads to Grafana while it answers":            {grafana, "/d/fm-service?from=now-1h", "http://localhost:3000/d/fm-service?from=now-1h"},
		"leads nowhere for what is no dashboard's uid": {grafana, "/d/a%2F%2Fevil.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := newFixture(t, test.edit).get(t, test.path)
			require.Equal(t, test.target, answer.Header().Get("Location"))
			if test.target == "" {
				require.Equal(t, http.StatusNotFound, answer.Code)
			}
		})
	}
}

func TestRunbooks(t *testing.T) {
	f := newFixture(t, nil)
	t.Run("a runbook is rendered", func(t *testing.T) {
		for _, path := range []string{"/runbooks/api-availability", "/runbooks/api-availability.md"} {
			body := f.get(t, path).Body.String()
			shows(t, body, "<strong>requests fail</strong>")
			shows(t, body, "<td>14.4</td>")
		}
	})
	t.Run("a runbook cannot script the page", func(t *testing.T) {
		body := f.get(t, "/runbooks/api-availability").Body.String()
		require.NotContains(t, body, "alert(1)")
	})
	t.Run("an unknown one lists those that exist", func(t *testing.T) {
		answer := f.get(t, "/runbooks/nope")
		require.Equal(t, http.StatusNotFound, answer.Code)
		shows(t, answer.Body.String(), `href="/runbooks/api-availability"`)
	})
	t.Run("a name cannot leave the folder", func(t *testing.T) {
		require.Equal(t, http.StatusNotFound, f.get(t, "/runbooks/..%2Fsecret").Code)
	})
}

func TestEveryPageIsConfined(t *testing.T) {
	f := newFixture(t, nil)
	inline := regexp.MustCompile(`(?i)<script(?:>|[^>]*[^r]>[^<])|\son[a-z]+=|\sstyle=|<style`)
	for _, path := range []string{"/", "/traces/" + errorTraceID, "/runbooks/", "/runbooks/api-availability", "/nowhere"} {
		answer := f.get(t, path)
		require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotRegexp(t, inline, answer.Body.String(), path)
	}
}

// The queries name only metrics of the catalogue and series that the SLOs record, so that a rename cannot empty the page.
func TestQueriesNameOnlyWhatExists(t *testing.T) {
	recorded := []string{slo.ObjectiveRatio, slo.BudgetRemainingRatio}
	for _, w := range burnWindows {
		recorded = append(recorded, slo.ErrorRatio(w), slo.BurnRate(w))
	}
	for _, query := range []string{requestsQuery, errorsQuery, latencyQuery(0.95), exemplarQuery, sloQuery} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		require.NoError(t, err, query)
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			for _, m := range selector.LabelMatchers {
				switch {
				case m.Name == model.MetricNameLabel && m.Type == labels.MatchRegexp:
					for name := range strings.SplitSeq(m.Value, "|") {
						require.Contains(t, recorded, name)
					}
				case m.Name != model.MetricNameLabel:
					metric, ok := catalogue.Lookup(selector.Name)
					require.True(t, ok, selector.Name)
					require.Contains(t, metric.SeriesLabels(selector.Name), m.Name)
				}
			}
			return nil
		})
	}
}

func TestPlot(t *testing.T) {
	at := func(minute int) time.Time { return testNow.Add(time.Duration(minute-15) * time.Minute) }
	draw := func(values ...float64) plot {
		in := plotInput{unit: percent, minTop: 0.01, from: at(0), to: at(15), step: time.Minute, series: []series{{}}}
		for i, v := range values {
			in.series[0].points = append(in.series[0].points, point{at(i), v})
		}
		return newPlot(in)
	}
	t.Run("no point is no plot", func(t *testing.T) { require.True(t, draw(math.NaN()).Empty) })
	t.Run("noise stays small on an axis that reaches the least top", func(t *testing.T) {
		require.Equal(t, "1 %", draw(0, 0.0001).YTicks[0].Label)
	})
	t.Run("the axis ends at a round number above the highest point", func(t *testing.T) {
		require.Equal(t, "40 %", draw(0.31).YTicks[0].Label)
		require.Equal(t, "10 %", draw(0.31).YTicks[3].Label)
	})
	t.Run("the line breaks where a value is missing", func(t *testing.T) {
		require.Equal(t, 2, strings.Count(draw(0.1, 0.2, math.NaN(), 0.1).Lines[0].Path, "M"))
	})
	t.Run("the line breaks where points are missing", func(t *testing.T) {
		gap := series{points: []point{{at(0), 1}, {at(1), 1}, {at(9), 1}, {at(10), 1}}}
		in := plotInput{unit: percent, from: at(0), to: at(15), step: time.Minute, series: []series{gap}}
		require.Equal(t, 2, strings.Count(newPlot(in).Lines[0].Path, "M"))
	})
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{short(1234.5), "1234"},
		{short(0.1234), "0.123"},
		{short(10), "10"},
		{short(0), "0"},
		{short(2.50), "2.5"},
		{seconds(0.0000012), "1.2 µs"},
		{seconds(0.0345), "34.5 ms"},
		{seconds(2), "2 s"},
		{percent(1), "100 %"},
		{webui.Span(59*time.Second + 900*time.Millisecond), "59 s"},
		{webui.Span(25 * time.Hour), "1 d 1 h"},
		{webui.Span(-time.Second), "0 ms"},
		{webui.Span(time.Hour), "1 h"},
	} {
		require.Equal(t, test.want, test.got)
	}
}

func TestConfig(t *testing.T) {
	_, err := New(Config{PrometheusURL: "127.0.0.1:9090"})
	require.ErrorContains(t, err, "want http://host:port")
	_, err = New(Config{})
	require.ErrorContains(t, err, "nothing says which components run")
}
