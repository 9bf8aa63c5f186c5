package provision_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/provision"
)

const composeFolder = "../../compose"

func TestProvisioningFilesSayWhatApplyDoes(t *testing.T) {
	urls := map[string]string{"prometheus": "http://p:1", "jaeger": "http://j:2", "loki": "http://l:3"}
	want, err := provision.Want(urls, dashboards.DefaultLinks)
	require.NoError(t, err)

	for _, source := range want.DataSources {
		t.Run("data source "+source.UID, func(t *testing.T) {
			var file struct {
				Datasources []struct {
					UID, Name, Type, Access, URL string
					JSONData                     map[string]any `yaml:"jsonData"`
				}
			}
			read(t, filepath.Join("datasources", source.UID+".yaml"), &file, func(name string) string {
				return urls[strings.ToLower(strings.TrimSuffix(name, "_URL"))]
			})
			require.Len(t, file.Datasources, 1)
			got := file.Datasources[0]
			require.Equal(t, []string{source.UID, source.Name, source.Type, "proxy", source.URL},
				[]string{got.UID, got.Name, got.Type, got.Access, got.URL})
			require.JSONEq(t, asJSON(t, source.JSONData), asJSON(t, got.JSONData))
		})
	}
	t.Run("folder of the dashboards", func(t *testing.T) {
		var file struct {
			Providers []struct {
				Folder    string
				FolderUID string `yaml:"folderUid"`
				Options   struct{ Path string }
			}
		}
		read(t, "dashboards/market.yaml", &file, func(string) string { return "/dashboards" })
		require.Equal(t, want.Folder, provision.Folder{UID: file.Providers[0].FolderUID, Title: file.Providers[0].Folder})
		require.Equal(t, "/dashboards", file.Providers[0].Options.Path)
	})
}

func TestScrapeIntervalIsPrometheuss(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(composeFolder, "prometheus", "prometheus.yml"))
	require.NoError(t, err)
	var config struct {
		Global struct {
			ScrapeInterval string `yaml:"scrape_interval"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	require.Equal(t, provision.ScrapeInterval, config.Global.ScrapeInterval)
}

// read reads a provisioning file, replacing variables as Grafana does: ${NAME} and $NAME, and $$ by $.
func read(t *testing.T, name string, into any, variable func(string) string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(composeFolder, "grafana", "provisioning", name))
	require.NoError(t, err)
	expanded := os.Expand(strings.ReplaceAll(string(text), "$$", "${dollar}"), func(name string) string {
		if name == "dollar" {
			return "$"
		}
		return variable(name)
	})
	require.NoError(t, yaml.Unmarshal([]byte(expanded), into))
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}
