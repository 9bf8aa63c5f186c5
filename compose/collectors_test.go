package compose_test

import (
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// collectorConfig is the frame that every OpenTelemetry Collector distribution shares, Jaeger among them.
type collectorConfig struct {
	Receivers  map[string]any `yaml:"receivers"`
	Processors map[string]any `yaml:"processors"`
	Connectors map[string]any `yaml:"connectors"`
	Exporters  map[string]any `yaml:"exporters"`
	Extensions map[string]any `yaml:"extensions"`
	Service    struct {
		Extensions []string                     `yaml:"extensions"`
		Pipelines  map[string]collectorPipeline `yaml:"pipelines"`
		Telemetry  map[string]any               `yaml:"telemetry"`
	} `yaml:"service"`
}

type collectorPipeline struct {
	Receivers  []string `yaml:"receivers"`
	Processors []string `yaml:"processors"`
	Exporters  []string `yaml:"exporters"`
}

func TestCollectors(t *testing.T) {
	for _, path := range []string{"collector/config.yaml", "jaeger/config.yaml"} {
		t.Run(path, func(t *testing.T) {
			var config collectorConfig
			decode(t, path, &config)
			var receivers, processors, exporters []string
			for _, pipeline := range config.Service.Pipelines {
				receivers = append(receivers, pipeline.Receivers...)
				processors = append(processors, pipeline.Processors...)
				exporters = append(exporters, pipeline.Exporters...)
			}

			t.Run("every component is declared and used", func(t *testing.T) {
				require.NotEmpty(t, config.Service.Pipelines)
				require.ElementsMatch(t, keys(config.Receivers), unique(receivers))
				require.ElementsMatch(t, keys(config.Processors), unique(processors))
				require.ElementsMatch(t, keys(config.Exporters), unique(exporters))
				require.ElementsMatch(t, keys(config.Extensions), unique(config.Service.Extensions))
			})
			t.Run("memory is limited before anything else is done", func(t *testing.T) {
				for name, pipeline := range config.Service.Pipelines {
					require.NotEmpty(t, pipeline.Processors, name)
					require.Equal(t, "memory_limiter", pipeline.Processors[0], name)
				}
			})
		})
	}
}

func TestCollectorSendsToTheStack(t *testing.T) {
	var config collectorConfig
	decode(t, "collector/config.yaml", &config)
	project := load(t)
	for name, settings := range config.Exporters {
		t.Run(name, func(t *testing.T) {
			exporter, ok := settings.(map[string]any)
			require.True(t, ok)
			endpoint, ok := exporter["endpoint"].(string)
			require.True(t, ok)
			if strings.Contains(endpoint, "://") {
				address, err := url.Parse(endpoint)
				require.NoError(t, err)
				endpoint = address.Host
			}
			requireListening(t, project, endpoint)
			host, _, _ := strings.Cut(endpoint, ":")
			require.Contains(t, project.Services["collector"].DependsOn, host, "the collector starts before what it sends to")

			queue, ok := exporter["sending_queue"].(map[string]any)
			require.True(t, ok, "no bounded queue")
			require.Positive(t, queue["queue_size"])
			require.Contains(t, queue, "batch")
		})
	}
}

// TestLoki checks what would lose logs early, or keep them for ever.
func TestLoki(t *testing.T) {
	content, err := os.ReadFile("loki/config.yaml")
	require.NoError(t, err)
	var config struct {
		Limits struct {
			Retention string `yaml:"retention_period"`
		} `yaml:"limits_config"`
		Compactor struct {
			Enabled bool   `yaml:"retention_enabled"`
			Store   string `yaml:"delete_request_store"`
		} `yaml:"compactor"`
	}
	require.NoError(t, yaml.Unmarshal(content, &config))
	require.Equal(t, "720h", config.Limits.Retention, "30 days")
	require.True(t, config.Compactor.Enabled, "without it nothing is ever deleted")
	require.NotEmpty(t, config.Compactor.Store, "Loki refuses to start with retention and without it")
}

// TestRedis holds the one rule of redis.conf that is easily broken: a comment has a line of its own.
func TestRedis(t *testing.T) {
	content, err := os.ReadFile("redis/redis.conf")
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)^[^#\n]+#`, string(content), "Redis reads it as an argument")
}

func keys(m map[string]any) []string { return slices.Collect(maps.Keys(m)) }

func unique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
