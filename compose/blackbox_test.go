package compose_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// probeTarget is one entry of targets/probes.yml.
type probeTarget struct {
	Targets []string          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

func TestProbes(t *testing.T) {
	project := load(t)
	var probes []probeTarget
	decode(t, "prometheus/targets/probes.yml", &probes)
	var file struct {
		Modules map[string]struct {
			Timeout time.Duration `yaml:"timeout"`
			HTTP    struct {
				Headers map[string]string `yaml:"headers"`
			} `yaml:"http"`
		} `yaml:"modules"`
	}
	content, err := os.ReadFile("blackbox/config.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &file))

	t.Run("what is probed has a name, a module, and an address of the stack", func(t *testing.T) {
		var names []string
		for _, probe := range probes {
			names = append(names, probe.Labels["probe"])
			require.Equal(t, []string{"blackbox:9115"}, probe.Targets)
			require.Equal(t, "/probe", probe.Labels["__metrics_path__"])
			require.Contains(t, file.Modules, probe.Labels["__param_module"])
			target, err := url.Parse(probe.Labels["__param_target"])
			require.NoError(t, err)
			requireListening(t, project, target.Host)
			require.Equal(t, target.Hostname(), probe.Labels["instance"], "instance is the program that answers")
			require.True(t, shares(t, project.Services["blackbox"].Networks, project.Services[target.Hostname()].Networks))
		}
		require.Equal(t, []string{"live", "ready", "docs", "products"}, names)
	})
	t.Run("a module gives up before Prometheus does", func(t *testing.T) {
		for name, module := range file.Modules {
			require.Positive(t, module.Timeout, name)
			require.Less(t, module.Timeout, time.Duration(scrapeConfig(t, "blackbox").ScrapeTimeout), name)
		}
	})
	t.Run("what it looks at is not taken for a customer's", func(t *testing.T) {
		for name, module := range file.Modules {
			require.True(t, catalogue.IsSyntheticAgent(module.HTTP.Headers["User-Agent"]), name)
		}
	})
	t.Run("every module is used", func(t *testing.T) {
		used := map[string]bool{}
		for _, probe := range probes {
			used[probe.Labels["__param_module"]] = true
		}
		require.Len(t, used, len(file.Modules))
	})
	t.Run("the scripted order has a name too, a customer of its own, and no way to the databases", func(t *testing.T) {
		var order []probeTarget
		decode(t, "prometheus/targets/probe.yml", &order)
		require.Equal(t, []probeTarget{{Targets: []string{"probe:8092"}, Labels: map[string]string{"probe": "order"}}}, order)
		require.Regexp(t, `@synthetic\.invalid$`, *project.Services["probe"].Environment["PROBE_EMAIL"])
		require.NotContains(t, project.Services["probe"].Networks, "data")
	})
}

func scrapeConfig(t *testing.T, job string) *config.ScrapeConfig {
	t.Helper()
	for _, scrape := range prometheusConfig(t).ScrapeConfigs {
		if scrape.JobName == job {
			return scrape
		}
	}
	t.Fatalf("there is no job %s", job)
	return nil
}

func shares[T any](t *testing.T, a, b map[string]T) bool {
	t.Helper()
	for name := range a {
		if _, ok := b[name]; ok {
			return true
		}
	}
	return false
}
