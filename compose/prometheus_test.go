package compose_test

import (
	"path/filepath"
	"strings"
	"testing"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/stretchr/testify/require"
)

// prometheusConfig reads prometheus.yml with Prometheus's own parser.
func prometheusConfig(t *testing.T) *config.Config {
	t.Helper()
	loaded, err := config.LoadFile("prometheus/prometheus.yml", false, promslog.NewNopLogger())
	require.NoError(t, err)
	return loaded
}

// targets reads a list of targets in the form of Prometheus's file discovery.
func targets(t *testing.T, path string) []string {
	t.Helper()
	var groups []struct {
		Targets []string          `yaml:"targets"`
		Labels  map[string]string `yaml:"labels"`
	}
	decode(t, path, &groups)
	var all []string
	for _, group := range groups {
		all = append(all, group.Targets...)
	}
	require.NotEmpty(t, all, path)
	return all
}

func TestTargets(t *testing.T) {
	project := load(t)
	var named []string
	for _, job := range prometheusConfig(t).ScrapeConfigs {
		for _, discovery := range job.ServiceDiscoveryConfigs {
			files, ok := discovery.(*file.SDConfig)
			require.True(t, ok, "job %s: want file_sd_configs, so that only the list of targets differs between the modes", job.JobName)
			named = append(named, files.Files...)
		}
	}
	for i, path := range named {
		relative, err := filepath.Rel("prometheus", path)
		if err == nil && !strings.HasPrefix(relative, "..") {
			named[i] = relative
		}
	}

	files, err := filepath.Glob("prometheus/targets/*.yml")
	require.NoError(t, err)
	for _, path := range files {
		t.Run(path+" names services of the stack and belongs to a job", func(t *testing.T) {
			for _, target := range targets(t, path) {
				requireListening(t, project, target)
			}
			require.Contains(t, named, strings.TrimPrefix(path, "prometheus/"))
		})
	}

	t.Run("every job has targets but that of lookout, which supervises the embedded mode", func(t *testing.T) {
		for _, path := range named {
			if path != "targets/lookout.yml" {
				require.FileExists(t, filepath.Join("prometheus", path))
			}
		}
	})
	t.Run("Prometheus alerts the stack's Alertmanager", func(t *testing.T) {
		alertmanagers := prometheusConfig(t).AlertingConfig.AlertmanagerConfigs
		require.Len(t, alertmanagers, 1)
		require.Equal(t, []string{"alertmanager:9093"}, targets(t, "prometheus/targets/alertmanager.yml"))
	})
}

func TestPrometheusKeepsWhatTheObjectivesSumOver(t *testing.T) {
	require.Contains(t, load(t).Services["prometheus"].Command, "--storage.tsdb.retention.time=40d", "SLO periods are 30 days")
}

func TestAlertmanagerConfigurations(t *testing.T) {
	paths, err := filepath.Glob("alertmanager/*.yml")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"alertmanager/alertmanager.yml", "alertmanager/alertmanager.local.yml"}, paths)
	for _, path := range paths {
		t.Run(path+" is valid", func(t *testing.T) {
			_, err := amconfig.LoadFile(path)
			require.NoError(t, err)
		})
	}
}
