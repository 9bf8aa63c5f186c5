package drill

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hold(t *testing.T, config Config) (Report, error) {
	t.Helper()
	d, err := Find("api-outage")
	require.NoError(t, err)
	return Run(t.Context(), d, config)
}

func TestADrillWhosePageArrivesAndResolvesPasses(t *testing.T) {
	f := newFakeStack(t)
	var told []string
	config := f.config()
	config.Tell = func(e Event) { told = append(told, e.Name) }
	var said strings.Builder
	config.Say = func(text string) { said.WriteString(text + "\n") }
	report, err := hold(t, config)
	require.NoError(t, err)
	require.True(t, report.Passed, report.Failures)
	require.True(t, f.faultIsCleared())

	var names []string
	for _, e := range report.Timeline {
		names = append(names, e.Name)
	}
	// That the alert is over is seen in Prometheus and at the pager, in either order.
	require.Equal(t, []string{Injected, FirstBad, Firing, Notified, Cleared, Recovered}, names[:6])
	require.ElementsMatch(t, []string{Inactive, ResolvedAt}, names[6:])
	require.Equal(t, names, told, "the timeline is told while it happens, in the order of time")

	// 1800 good requests in 600 s, 208/s during: 208 t > 0.0144 * (1800 + 208 t) * 3600 / (600 + t).
	require.InDelta(t, 0.817, report.Expected.Detection, 0.01)
	require.InDelta(t, 51.84, report.Expected.Textbook, 0.01)
	require.InDelta(t, 0.010, report.Expected.GroupWait, 0, "that of the route which the page takes")
	require.InDelta(t, 0.005, report.Expected.Scrape, 0)
	require.Contains(t, said.String(), "good requests bring all of them below")

	var summary strings.Builder
	require.NoError(t, report.WriteSummary(&summary))
	require.Contains(t, summary.String(), "The drill passed.")
}

func TestADrillFails(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*fakeStack, *Config)
		says   string
	}{
		"when the page never arrives": {
			func(f *fakeStack, c *Config) { f.silentPager, c.PageWithin = true, 2*time.Second },
			"no page reached the pager within 2s",
		},
		"when another alert pages": {
			func(f *fakeStack, _ *Config) { f.foreignAlert = "TargetDown" }, "TargetDown paged too",
		},
		"when the page is not resolved": {
			func(f *fakeStack, c *Config) { f.neverEnds, c.ResolveWithin = true, 300*time.Millisecond },
			"still firing, or about to fire again, 300ms after",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeStack(t)
			config := f.config()
			test.change(f, &config)
			report, err := hold(t, config)
			require.NoError(t, err, "the drill itself could be held")
			require.False(t, report.Passed)
			require.Contains(t, strings.Join(report.Failures, "\n"), test.says)
			require.True(t, f.faultIsCleared(), "the fault is cleared")
			var summary strings.Builder
			require.NoError(t, report.WriteSummary(&summary))
			require.Contains(t, summary.String(), "FAILED: ")
		})
	}
}

func TestADrillIsNotHeld(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*fakeStack, *Config)
		says   string
	}{
		"when the server takes no faults": {func(f *fakeStack, _ *Config) { f.noFaults = true }, "FAULTS=on"},
		"when a fault is in force":        {func(f *fakeStack, _ *Config) { f.faults = []fault{{ID: "x", Route: "/a"}} }, "1 injected faults are in force, the first on /a"},
		"when a page fires already":       {func(f *fakeStack, _ *Config) { f.alreadyFiring = true }, "is firing since"},
		"when Prometheus has no rules":    {func(f *fakeStack, _ *Config) { f.unrecorded = true }, "no recorded series"},
		"when the pager is down":          {func(_ *fakeStack, c *Config) { c.PagerURL = "http://127.0.0.1:1" }, "the pager is not ready"},
		"when an address is none":         {func(_ *fakeStack, c *Config) { c.PagerURL = "127.0.0.1:1" }, "want http://host:port"},
		"when the window holds so much traffic that the page cannot come in time": {
			func(f *fakeStack, _ *Config) { f.busy = 10_000_000 }, "the page could not come within 1m0s",
		},
		"when there is to be no traffic":      {func(_ *fakeStack, c *Config) { c.Rate = 0 }, "without traffic"},
		"when the fault would outlast bounds": {func(_ *fakeStack, c *Config) { c.PageWithin = time.Hour }, "at most 59m30s"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeStack(t)
			config := f.config()
			test.change(f, &config)
			_, err := hold(t, config)
			require.ErrorContains(t, err, test.says)
			require.Empty(t, f.injected, "nothing was broken")
		})
	}
}

func TestAnInterruptedDrillClearsItsFault(t *testing.T) {
	f := newFakeStack(t)
	f.silentPager = true
	ctx, interrupt := context.WithCancel(t.Context())
	config := f.config()
	config.Tell = func(e Event) {
		if e.Name == FirstBad {
			interrupt()
		}
	}
	_, err := Run(ctx, apiOutage(), config)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, f.faultIsCleared())
}

func TestAFaultOfAKilledDrillEndsByItself(t *testing.T) {
	f := newFakeStack(t)
	config := f.config()
	_, err := hold(t, config)
	require.NoError(t, err)
	require.Len(t, f.injected, 1)
	require.Equal(t, (config.PageWithin + faultMargin).String(), f.injected[0].Duration)
	require.Equal(t, "/api/v1/*", f.injected[0].Route)
	require.Equal(t, http.StatusInternalServerError, f.injected[0].Status)
}

func TestGoodNeeded(t *testing.T) {
	f := newFakeStack(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	config := f.config()
	config.setDefaults()
	s := &stage{Config: config, client: client}
	for name, test := range map[string]struct {
		counts map[string][2]float64 // bad and total by window
		needed float64
	}{
		"nothing after nothing bad": {map[string][2]float64{"5m": {0, 900}, "30m": {0, 900}, "1h": {0, 900}, "6h": {0, 900}}, 0},
		"the tier that needs most counts, a young stack's long window as it is": {
			// 1.1 * 300 / 0.006 - 1000 for 6h and 30m; 1.1 * 300 / 0.0144 - 1000 for 1h and 5m.
			map[string][2]float64{"5m": {300, 1000}, "30m": {300, 1000}, "1h": {300, 1000}, "6h": {300, 1000}}, 54000,
		},
		"a long window with enough traffic lets its short one burn": {
			map[string][2]float64{"5m": {300, 1000}, "30m": {300, 6000}, "1h": {300, 20000}, "6h": {300, 70000}}, 2917,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.counts = test.counts
			needed, err := s.goodNeeded(t.Context())
			require.NoError(t, err)
			require.InDelta(t, test.needed, needed, 1)
		})
	}
}

func TestRegistry(t *testing.T) {
	_, err := Find("api-outrage")
	require.EqualError(t, err, `there is no drill "api-outrage"; there is api-outage`)
	for _, d := range All() {
		require.NotEmpty(t, d.Name)
		require.True(t, strings.HasSuffix(d.Description, "."), d.Name)
	}
}
