package slo_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/slo"
)

func TestLoad(t *testing.T) {
	s := apiAvailability(t)
	require.Equal(t, "api-availability", s.Name)
	require.Equal(t, "market-api", s.Service)
	require.Equal(t, "999/1000", s.Objective.String())
	require.Equal(t, "1/1000", s.Budget().String())
	require.Equal(t, 5, s.MinBadEvents)
	require.Equal(t, "ApiAvailabilityBudgetBurn", s.AlertName())
}

func TestLoadAcceptsAPercentage(t *testing.T) {
	slos, err := slo.Parse("a.yaml", edit(t, "target: 0.999", "targetPercent: 99.95"))
	require.NoError(t, err)
	require.Equal(t, "1/2000", slos[0].Budget().String())
}

func TestWhatIsWrongInAFileIsSaidWithItsPosition(t *testing.T) {
	for sentence, c := range map[string]struct{ old, text, want string }{
		"a misspelt key names the nearest one": {
			"objectives:", "objectivs:", `a.yaml:18: unknown key "objectivs": did you mean "objectives"?`,
		},
		"a misspelt key deep inside too": {
			"counter: true", "countr: true", `a.yaml:26: unknown key "countr": did you mean "counter"?`,
		},
		"a misspelt key in the part that OpenSLO leaves open": {
			"query: http_server_request_duration_seconds_count{http_route=~\"/api/v1/.+\"}\n", "qurey: up\n",
			`a.yaml:36: unknown key "qurey": did you mean "query"?`,
		},
		"a key that is like no other lists what there is": {
			"counter: true", "zebra: true", `known are bad, counter, good, raw, rawType, total`,
		},
		"a key that is set twice": {
			"service: market-api", "service: market-api\n  service: other", `a.yaml:14: key "service" is set twice, first in line 13`,
		},
		"a misspelt annotation of ours": {
			"lookout/events", "lookout/event", `a.yaml:8: metadata.annotations.lookout/event: unknown annotation "lookout/event": did you mean "lookout/events"?`,
		},
		"a number of bad events that is none": {
			`min-bad-events: "5"`, `min-bad-events: "few"`, `a.yaml:10: metadata.annotations.lookout/min-bad-events: "few" is not a whole number of at least 1`,
		},
		"no dashboard to link to": {
			"    lookout/dashboard: fm-service\n", "", "lookout/dashboard is missing",
		},
		"a query that is not PromQL": {
			`{http_route=~"/api/v1/.+"}` + "\n", "{http_route=~}\n", "a.yaml:36: spec.indicator.spec.ratioMetric.total.metricSource.spec.query: 1:56: parse error",
		},
		"a query with a window of its own": {
			"query: http_server_request_duration_seconds_count{http_route=~\"/api/v1/.+\"}\n", "query: rate(x[5m])\n", "is not a plain selector of counters",
		},
		"another data source": {
			"type: Prometheus", "type: Datadog", `type "Datadog": only Prometheus is supported`,
		},
		"a period that the burn rates are not for": {
			"duration: 30d", "duration: 7d", "a.yaml:16: spec.timeWindow: only one rolling window of 30d is supported",
		},
		"another way of budgeting": {
			"budgetingMethod: Occurrences", "budgetingMethod: RatioTimeslices", "timeSliceWindow",
		},
		"a target above 1": {
			"target: 0.999", "target: 99.9", "must be less than '1'",
		},
		"an objective that the first alert can never reach": {
			"target: 0.999", "target: 0.93",
			`the alert over 1h can never fire: its burn rate of 14.4 needs 100.8% of all events to be bad, and more than 100% cannot be; ` +
				`at an objective of 0.9306 or below, drop the alert with the annotation lookout/drop-tiers: "1h"`,
		},
		"an alert to drop that does not exist": {
			`lookout/min-bad-events: "5"`, `lookout/drop-tiers: 2h`, `no alert has a long window of "2h": there are 1h, 6h, 1d and 3d`,
		},
		"another kind of document": {"kind: SLO", "kind: Service", `a.yaml:3: kind "Service": only OpenSLO documents of kind SLO are read here`},
		"another version":          {"openslo/v1", "openslo/v2alpha", "a.yaml"},
		"not YAML":                 {"kind: SLO", "kind: [", "a.yaml: not YAML"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := slo.Parse("a.yaml", edit(t, c.old, c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	for sentence, content := range map[string]string{
		"an empty file": "", "a list": "- a\n", "only a comment": "# later\n", "an empty document": "---\n---\n",
	} {
		t.Run(sentence+" is no SLO", func(t *testing.T) {
			_, err := slo.Parse("a.yaml", []byte(content))
			require.ErrorContains(t, err, "a.yaml")
		})
	}
}

func TestATierCanBeDropped(t *testing.T) {
	slos, err := slo.Parse("a.yaml", edit(t, `lookout/min-bad-events: "5"`, `lookout/drop-tiers: 1h, 3d`))
	require.NoError(t, err)
	require.Len(t, slos[0].Tiers, 2)
}

func TestLoadDir(t *testing.T) {
	t.Run("a folder without SLOs is a mistake", func(t *testing.T) {
		_, err := slo.LoadDir(t.TempDir())
		require.ErrorContains(t, err, "no SLO files")
	})
	t.Run("two files may not define the same SLO", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{"/a.yaml", "/b.yaml"} {
			require.NoError(t, os.WriteFile(dir+name, edit(t, "", ""), 0o600))
		}
		_, err := slo.LoadDir(dir)
		require.ErrorContains(t, err, `both define the SLO "api-availability"`)
	})
}

func FuzzParse(f *testing.F) {
	content, err := os.ReadFile("api-availability.yaml")
	require.NoError(f, err)
	f.Add(content)
	f.Add([]byte("kind: SLO\nspec: {objectives: [{target: .nan}]}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		slos, err := slo.Parse("fuzz.yaml", content)
		if err != nil {
			return
		}
		for _, s := range slos {
			require.NotEmpty(t, s.Groups("http://localhost:8090"))
		}
	})
}

// edit is the real file with one part replaced everywhere.
func edit(t *testing.T, old, replacement string) []byte {
	t.Helper()
	content, err := os.ReadFile("api-availability.yaml")
	require.NoError(t, err)
	if old == "" {
		return content
	}
	require.Contains(t, string(content), old)
	return []byte(strings.ReplaceAll(string(content), old, replacement))
}
