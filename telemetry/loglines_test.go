package telemetry_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry"
)

func TestEveryLineIsWrittenInOrderAndByTheEnd(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.SampleRatio = 0 })
	paths := []string{"/farms/1", "/farms/2", "/farms/broken", "/farms/3", "/farms/4"}
	for _, path := range paths[:3] {
		s.send(get(path))
	}
	logged := func() (found []string) {
		for _, line := range s.lines("request") {
			found = append(found, line["url.path"].(string))
		}
		return found
	}
	require.Equal(t, paths[:3], logged(), "an error is written at once, after what came before it")
	for _, path := range paths[3:] {
		s.send(get(path))
	}
	require.Eventually(t, func() bool {
		return s.samples().total() == uint64(len(paths))
	}, 10e9, 1e6)
	require.NoError(t, s.tel.Shutdown(context.WithoutCancel(t.Context())))
	require.Equal(t, paths, logged())
	s.send(get("/farms/5"))
	require.Equal(t, append(paths, "/farms/5"), logged(), "nothing waits any more")
}
