package compose_test

import (
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
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

// started are the files that a collector is started with, in their order. That the real programs accept them in every
// combination is asked by .ci/collectors.
var started = map[string][]string{
	"the Collector": {
		"collector/config.yaml", "collector/sampling.yaml", "collector/loki.yaml", "collector/azuremonitor.yaml", "collector/sentry.yaml",
	},
	"Jaeger behind it":               {"jaeger/config.yaml"},
	"Jaeger that takes OTLP itself":  {"jaeger/config.yaml", "collector/sampling.yaml", "jaeger/sampling.yaml"},
	"the Collector without the rest": {"collector/config.yaml", "collector/sampling.yaml"},
}

// merge reads files as a Collector does: a later file adds to maps and replaces lists.
func merge(t *testing.T, paths ...string) collectorConfig {
	t.Helper()
	var merged collectorConfig
	pipelines := map[string]collectorPipeline{}
	for _, path := range paths {
		merged.Service.Pipelines = nil
		decode(t, path, &merged)
		for name, added := range merged.Service.Pipelines {
			pipeline := pipelines[name]
			if added.Receivers != nil {
				pipeline.Receivers = added.Receivers
			}
			if added.Processors != nil {
				pipeline.Processors = added.Processors
			}
			if added.Exporters != nil {
				pipeline.Exporters = added.Exporters
			}
			pipelines[name] = pipeline
		}
	}
	merged.Service.Pipelines = pipelines
	return merged
}

func TestCollectors(t *testing.T) {
	for name, files := range started {
		t.Run(name, func(t *testing.T) {
			config := merge(t, files...)
			var receivers, processors, exporters []string
			for _, pipeline := range config.Service.Pipelines {
				receivers = append(receivers, pipeline.Receivers...)
				processors = append(processors, pipeline.Processors...)
				exporters = append(exporters, pipeline.Exporters...)
			}

			t.Run("every component is declared and used", func(t *testing.T) {
				require.NotEmpty(t, config.Service.Pipelines)
				connectors := keys(config.Connectors)
				require.ElementsMatch(t, slices.Concat(keys(config.Receivers), connectors), unique(receivers))
				require.ElementsMatch(t, keys(config.Processors), unique(processors))
				require.ElementsMatch(t, slices.Concat(keys(config.Exporters), connectors), unique(exporters))
				require.ElementsMatch(t, keys(config.Extensions), unique(config.Service.Extensions))
			})
			t.Run("memory is limited before anything else is done", func(t *testing.T) {
				for name, pipeline := range config.Service.Pipelines {
					if slices.Contains(pipeline.Receivers, "otlp") {
						require.NotEmpty(t, pipeline.Processors, name)
						require.Equal(t, "memory_limiter", pipeline.Processors[0], name)
					}
				}
			})
			t.Run("every exporter but Jaeger's own has a bounded queue", func(t *testing.T) {
				for name, settings := range config.Exporters {
					if name == "jaeger_storage_exporter" {
						continue // to memory, in the same process
					}
					queue, ok := settings.(map[string]any)["sending_queue"].(map[string]any)
					require.True(t, ok, name)
					require.Positive(t, queue["queue_size"], name)
					require.Contains(t, queue, "batch", name)
				}
			})
		})
	}
}

func TestSamplingIsDecidedOnce(t *testing.T) {
	project := load(t, "APPLICATIONINSIGHTS_CONNECTION_STRING=InstrumentationKey=1", "SENTRY_ORG=example")
	var deciding []string
	for _, service := range []string{"collector", "jaeger"} {
		config := merge(t, configFiles(t, project, service)...)
		for name, pipeline := range config.Service.Pipelines {
			if slices.Contains(pipeline.Processors, "tail_sampling") {
				deciding = append(deciding, service+" "+name)
			} else if strings.HasPrefix(name, "traces") && service == "collector" {
				require.Equal(t, []string{"forward/kept"}, pipeline.Receivers, "%s sends what was not decided on", name)
			}
		}
	}
	require.Equal(t, []string{"collector traces"}, deciding)
}

// TestSamplingWaitsForTheSlowestRequest holds that a trace is not decided on before its request has ended and been sent.
func TestSamplingWaitsForTheSlowestRequest(t *testing.T) {
	const sending = time.Second // telemetry.Config.ExportInterval
	content, err := os.ReadFile("collector/sampling.yaml")
	require.NoError(t, err)
	wait := regexp.MustCompile(`decision_wait: \$\{env:SAMPLING_WAIT:-(\w+)}`).FindSubmatch(content)
	require.NotNil(t, wait)
	waits, err := time.ParseDuration(string(wait[1]))
	require.NoError(t, err)

	command := exec.CommandContext(t.Context(), "go", "run", "./server", "config")
	command.Dir = repository
	output, err := command.Output()
	require.NoError(t, err)
	timeout := regexp.MustCompile(`(?m)^REQUEST_TIMEOUT +(\S+)`).FindSubmatch(output)
	require.NotNil(t, timeout, "%s", output)
	takes, err := time.ParseDuration(string(timeout[1]))
	require.NoError(t, err)
	require.Greater(t, waits, takes+sending)
}

// configFiles returns the files that a service is started with, as they are mounted.
func configFiles(t *testing.T, project *types.Project, service string) []string {
	t.Helper()
	var files []string
	for _, argument := range project.Services[service].Command {
		mounted, ok := strings.CutPrefix(argument, "--config=")
		require.True(t, ok, argument)
		local := ""
		for _, volume := range project.Services[service].Volumes {
			if rest, ok := strings.CutPrefix(mounted, volume.Target); ok {
				local = volume.Source + rest
			}
		}
		require.FileExists(t, local, "%s of %s is not mounted", mounted, service)
		relative, err := filepath.Rel(project.WorkingDir, local)
		require.NoError(t, err)
		files = append(files, relative)
	}
	return files
}

func TestStoresOutsideAreSentToOnlyWhenSet(t *testing.T) {
	const azure, sentry = "collector/azuremonitor.yaml", "collector/sentry.yaml"
	always := []string{"collector/config.yaml", "collector/sampling.yaml", "collector/loki.yaml"}
	tests := map[string]struct {
		env, files []string
	}{
		"nothing set":               {nil, always},
		"the variables are empty":   {[]string{"APPLICATIONINSIGHTS_CONNECTION_STRING=", "SENTRY_ORG="}, always},
		"a connection string":       {[]string{"APPLICATIONINSIGHTS_CONNECTION_STRING=InstrumentationKey=1;IngestionEndpoint=https://x"}, append(always[:3:3], azure)},
		"an organisation of Sentry": {[]string{"SENTRY_ORG=example"}, append(always[:3:3], sentry)},
		"both":                      {[]string{"APPLICATIONINSIGHTS_CONNECTION_STRING=x", "SENTRY_ORG=example"}, append(always[:3:3], azure, sentry)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.files, configFiles(t, load(t, test.env...), "collector"))
		})
	}
}

func TestCollectorSendsToTheStack(t *testing.T) {
	project := load(t)
	collector := project.Services["collector"]
	jaeger, ok := merge(t, started["the Collector"]...).Exporters["otlp_grpc/jaeger"].(map[string]any)
	require.True(t, ok)
	loki, err := url.Parse(*collector.Environment["LOKI_URL"])
	require.NoError(t, err)
	for _, endpoint := range []string{jaeger["endpoint"].(string), loki.Host} {
		requireListening(t, project, endpoint)
		host, _, _ := strings.Cut(endpoint, ":")
		require.Contains(t, collector.DependsOn, host, "the collector starts before what it sends to")
	}
}

func TestCollectorIsTheReleaseThatIsChecked(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(repository, "lookout", "upstream", "collector", "go.mod"))
	require.NoError(t, err)
	release := regexp.MustCompile(`go\.opentelemetry\.io/collector/otelcol v(\S+)`).FindSubmatch(module)
	require.NotNil(t, release)
	require.Equal(t, "farmersmarket/collector:"+string(release[1]), load(t).Services["collector"].Image)
	require.True(t, slices.ContainsFunc(dockerfile(t), func(i instruction) bool {
		return i.name == "FROM" && i.rest == "otel/opentelemetry-collector-contrib:"+string(release[1])+" AS collector"
	}))
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
