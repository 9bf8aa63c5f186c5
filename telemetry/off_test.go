package telemetry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry"
)

func TestWhatIsOffOnlySaysWhatFails(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Off = true })
	require.Equal(t, 200, s.send(get("/farms/7")).StatusCode)
	require.Equal(t, 404, s.send(get("/farms/missing")).StatusCode)
	require.Equal(t, 413, s.send(unrouted["a body that is too large"].raw).StatusCode)
	require.Equal(t, 500, s.send(get("/farms/panicking")).StatusCode)
	lines := s.lines("request")
	require.Len(t, lines, 1)
	require.Equal(t, "panic: the horse bolted", lines[0]["error"])
	require.Equal(t, "/farms/{id}", lines[0]["http.route"])
	require.NotContains(t, lines[0], "trace_id")
	require.Zero(t, s.samples().total())
	require.Empty(t, s.collector.Spans())
}
