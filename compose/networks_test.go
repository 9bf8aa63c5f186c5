package compose_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNetworks(t *testing.T) {
	project := load(t)
	t.Run("the databases can be reached by the service, its tasks and those who ask for their statistics only", func(t *testing.T) {
		require.True(t, project.Networks["data"].Internal)
		var members []string
		for name, service := range project.Services {
			if _, ok := service.Networks["data"]; ok {
				members = append(members, name)
			}
		}
		require.ElementsMatch(t, []string{"server", "migrate", "seed", "postgres", "redis", "monitor-role", "postgres-exporter", "redis-exporter"}, members)
	})
	t.Run("telemetry has no way out", func(t *testing.T) {
		require.True(t, project.Networks["telemetry"].Internal)
	})
	t.Run("what publishes no port and has a way out is the Collector, for stores outside", func(t *testing.T) {
		for name, service := range project.Services {
			_, outside := service.Networks["outside"]
			require.Equal(t, name == "collector", outside, name)
		}
	})
	t.Run("no published port is used twice", func(t *testing.T) {
		seen := map[string]string{}
		for name, service := range project.Services {
			for _, port := range service.Ports {
				require.Empty(t, seen[port.Published], "port %s of %s", port.Published, name)
				seen[port.Published] = name
			}
		}
	})
	t.Run("the port with metrics, profiles and fault injection is not published", func(t *testing.T) {
		for _, port := range project.Services["server"].Ports {
			require.NotEqual(t, uint32(8081), port.Target)
		}
	})
}
