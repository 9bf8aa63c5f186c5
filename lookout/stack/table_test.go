package stack

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sample(now time.Time) []Component {
	return []Component{
		{
			Name: nameLookout, Version: "1a2b3c4", State: Ready, URL: "http://localhost:8090", Endpoint: "127.0.0.1:8090",
			PID: 11, MemoryBytes: 20 << 20,
		},
		{Name: nameServer, Version: "1a2b3c4", State: Restarting, Restarts: 2, Detail: "in 1s; exited with status 3", Since: now.Add(-2 * time.Second)},
		{Name: nameGrafana, State: Absent, Detail: "not installed"},
		{Name: nameJaeger, Version: "2.13.0", State: Ready, Restarts: 1, Endpoint: "127.0.0.1:4317", PID: 12, MemoryBytes: 300 << 20},
		{Name: namePrometheus, State: Building, Since: now.Add(-72 * time.Second)},
	}
}

func TestTable(t *testing.T) {
	now := time.Now()
	want := []string{
		"COMPONENT   VERSION   STATE                     PID    MEMORY  URL                         ENDPOINT",
		"lookout     1a2b3c4   ready                      11    20 MiB  http://localhost:8090       127.0.0.1:8090",
		"server      1a2b3c4   restarting 2s (2x)",
		"  └ in 1s; exited with status 3",
		"grafana               absent",
		"  └ not installed",
		"jaeger      2.13.0    ready (restarted 1x)       12   300 MiB                              127.0.0.1:4317",
		"prometheus            building 1m12s",
		"total                                                 320 MiB",
	}
	require.Equal(t, want, Table(sample(now), now, 0, false))

	t.Run("no line is wider than the terminal", func(t *testing.T) {
		for _, line := range Table(sample(now), now, 40, false) {
			require.LessOrEqual(t, len([]rune(line)), 40, line)
		}
	})
	t.Run("colours change nothing but colours", func(t *testing.T) {
		coloured := strings.Join(Table(sample(now), now, 0, true), "\n")
		require.Contains(t, coloured, colourGood+"ready"+colourReset)
		require.Equal(t, strings.Join(want, "\n"), string(escapes.ReplaceAll([]byte(coloured), nil)))
	})
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	height := 40
	screen := NewScreen(&out, "lookout", func() (int, int) { return 100, height }, false)
	drawn := func(act func()) string {
		out.Reset()
		act()
		return out.String()
	}
	status := Status{Components: sample(time.Now()), Traffic: 3, Started: time.Now()}

	first := drawn(func() { screen.Show(status) })
	require.Contains(t, first, "waiting for server, prometheus; 3 shopper requests/s")
	require.Contains(t, first, "lookout logs NAME -f")
	lines := strings.Count(first, "\n")

	t.Run("the table is drawn over the one before", func(t *testing.T) {
		again := drawn(func() { screen.Show(status) })
		require.True(t, strings.HasPrefix(again, "\x1b[14A\r\x1b[J"), "%q", again[:20])
		require.Equal(t, lines, strings.Count(again, "\n"))
		require.Equal(t, 14, lines)
	})
	t.Run("a notice stays above the table", func(t *testing.T) {
		notice := drawn(func() { screen.Notice("server: crashed") })
		require.Less(t, strings.Index(notice, "server: crashed"), strings.Index(notice, "COMPONENT"))
	})
	t.Run("on a low terminal the table is cut, so that it can be redrawn in place", func(t *testing.T) {
		height = 6
		require.Equal(t, 5, strings.Count(drawn(func() { screen.Show(status) }), "\n"))
	})
	t.Run("while stopping it says what a second Ctrl-C does", func(t *testing.T) {
		height = 40
		status.Components[0].State = Stopping
		require.Contains(t, drawn(func() { screen.Show(status) }), "Ctrl-C again kills what still runs")
		status.Components[0].State = Stopped
		require.Contains(t, drawn(func() { screen.Show(status) }), "Nothing is left running")
	})
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	display := NewLines(&out)
	status := Status{Components: sample(time.Now())}
	display.Show(status)
	display.Show(status)
	text := out.String()
	require.Equal(t, 1, strings.Count(text, "lookout: ready 1a2b3c4 at 127.0.0.1:8090 http://localhost:8090\n"), text)
	require.Equal(t, 1, strings.Count(text, "server: restarting (in 1s; exited with status 3)\n"), text)
	display.Notice("hello")
	require.Contains(t, out.String(), "hello\n")
}
