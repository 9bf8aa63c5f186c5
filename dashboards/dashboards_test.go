package dashboards_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// board is what the tests read of a dashboard's JSON.
type board struct {
	ID         *int   `json:"id"`
	Version    *int   `json:"version"`
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Panels     []panel
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
	Annotations struct {
		List []struct {
			Name       string    `json:"name"`
			Datasource reference `json:"datasource"`
			Target     struct {
				Tags []string `json:"tags"`
				Type string   `json:"type"`
			} `json:"target"`
		} `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	ID          int       `json:"id"`
	Type        string    `json:"type"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Datasource  reference `json:"datasource"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets     []target `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Options struct {
		Legend struct {
			DisplayMode string   `json:"displayMode"`
			Calcs       []string `json:"calcs"`
		} `json:"legend"`
	} `json:"options"`
}

type target struct {
	Expr     string `json:"expr"`
	RefID    string `json:"refId"`
	Format   string `json:"format"`
	Instant  bool   `json:"instant"`
	Range    bool   `json:"range"`
	Exemplar bool   `json:"exemplar"`
}

type reference struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type variable struct {
	Name       string    `json:"name"`
	Label      string    `json:"label"`
	Type       string    `json:"type"`
	Query      any       `json:"query"`
	Multi      bool      `json:"multi"`
	AllValue   string    `json:"allValue"`
	Refresh    int       `json:"refresh"`
	Datasource reference `json:"datasource"`
}

func boards(t *testing.T) []board {
	t.Helper()
	all, err := dashboards.All(dashboards.DefaultLinks)
	require.NoError(t, err)
	var read []board
	for _, d := range all {
		var b board
		require.NoError(t, json.Unmarshal(d.JSON, &b))
		read = append(read, b)
	}
	require.NotEmpty(t, read)
	return read
}

func TestDashboards(t *testing.T) {
	all, err := dashboards.All(dashboards.DefaultLinks)
	require.NoError(t, err)

	t.Run("two builds give the same bytes", func(t *testing.T) {
		again, err := dashboards.All(dashboards.DefaultLinks)
		require.NoError(t, err)
		require.Equal(t, all, again)
	})
	t.Run("the committed files are what the code builds", func(t *testing.T) {
		for _, d := range all {
			committed, err := os.ReadFile(filepath.Join("json", d.UID+".json"))
			require.NoError(t, err)
			require.Equal(t, string(committed), string(d.JSON), "stale: run `go run ./lookout build`")
		}
	})
	t.Run("no file is left of a dashboard that is gone", func(t *testing.T) {
		files, err := filepath.Glob("json/*.json")
		require.NoError(t, err)
		require.Len(t, files, len(all))
	})
	t.Run("every field is one of Grafana's schema, and none that it requires is missing", func(t *testing.T) {
		plugins.RegisterDefaultPlugins()
		for _, d := range all {
			var strict dashboard.Dashboard
			if err := strict.UnmarshalJSONStrict(d.JSON); err != nil { // never nil: an empty list when all is well
				require.Empty(t, err.Error())
			}
		}
	})
	t.Run("a dashboard carries neither id nor version, which are Grafana's", func(t *testing.T) {
		for i, b := range boards(t) {
			require.Nil(t, b.ID)
			require.Nil(t, b.Version)
			require.Equal(t, all[i].UID, b.UID)
			require.Equal(t, all[i].Title, b.Title)
			require.LessOrEqual(t, len(b.UID), 40, "Grafana refuses a longer uid")
			require.Equal(t, dashboards.FolderUID, all[i].FolderUID)
		}
	})
	t.Run("links lead to where the caller says", func(t *testing.T) {
		elsewhere, err := dashboards.All("https://lookout.example.org")
		require.NoError(t, err)
		for _, d := range elsewhere {
			if d.UID == dashboards.ServiceUID { // the one that has the SLO to run by
				require.Contains(t, string(d.JSON), `"https://lookout.example.org/runbooks/${slo}"`)
			}
			require.Contains(t, string(d.JSON), `"https://lookout.example.org"`)
			require.NotContains(t, string(d.JSON), dashboards.DefaultLinks)
		}
	})
	t.Run("deploys are marked from annotations tagged deploy", func(t *testing.T) {
		for _, b := range boards(t) {
			last := b.Annotations.List[len(b.Annotations.List)-1]
			require.Equal(t, "Deploys", last.Name)
			require.Equal(t, reference{Type: "grafana", UID: "-- Grafana --"}, last.Datasource)
			require.Equal(t, []string{"deploy"}, last.Target.Tags)
			require.Equal(t, "tags", last.Target.Type)
		}
	})
}

func TestLayout(t *testing.T) {
	for _, b := range boards(t) {
		t.Run("panels of "+b.UID+" fill the 24 columns without overlap", func(t *testing.T) {
			taken := map[[2]int]string{}
			width := map[int]int{}
			for _, p := range b.Panels {
				for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
					for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
						require.Less(t, x, 24, "%q leaves the grid", p.Title)
						require.Empty(t, taken[[2]int{x, y}], "%q overlaps", p.Title)
						taken[[2]int{x, y}] = p.Title
						width[y]++
					}
				}
			}
			for y, w := range width {
				require.Equal(t, 24, w, "line %d of the grid has a hole", y)
			}
		})
		t.Run("panels of "+b.UID+" have ids and titles of their own", func(t *testing.T) {
			ids, titles := map[int]bool{}, map[string]bool{}
			for _, p := range b.Panels {
				require.False(t, ids[p.ID], "id %d of %q is taken", p.ID, p.Title)
				ids[p.ID] = true
				if p.Type != "row" {
					require.NotContains(t, titles, p.Title+"/"+p.Type, "a diff tells panels apart by title")
					titles[p.Title+"/"+p.Type] = true
				}
			}
		})
		t.Run("queries of a panel in "+b.UID+" have letters of their own", func(t *testing.T) {
			for _, p := range b.Panels {
				letters := map[string]bool{}
				for _, q := range p.Targets {
					require.NotEmpty(t, q.RefID, p.Title)
					require.False(t, letters[q.RefID], p.Title)
					letters[q.RefID] = true
				}
			}
		})
		t.Run("legends of "+b.UID+" are tables with mean, max and last", func(t *testing.T) {
			for _, p := range b.Panels {
				if p.Type == "timeseries" {
					require.Equal(t, "table", p.Options.Legend.DisplayMode, p.Title)
					require.Equal(t, []string{"mean", "max", "lastNotNull"}, p.Options.Legend.Calcs, p.Title)
				}
			}
		})
	}
}

func TestExemplars(t *testing.T) {
	leading := map[string]bool{}
	for _, b := range boards(t) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				if q.Exemplar {
					for _, m := range catalogue.Market().Metrics {
						leading[m.Name] = leading[m.Name] || strings.Contains(q.Expr, m.Bucket()+"{")
					}
					require.True(t, q.Range && !q.Instant, "%q: Grafana shows exemplars of range queries only", p.Title)
					require.Regexp(t, `_bucket\{`, q.Expr, "only histograms carry exemplars")
				}
				if strings.HasPrefix(p.Type, "heatmap") {
					require.Equal(t, "heatmap", q.Format, "%q: classic buckets need the heatmap format", p.Title)
				}
				if p.Type == "table" {
					require.True(t, q.Instant && q.Format == "table", "%q: a table shows one moment", p.Title)
				}
			}
		}
	}
	for _, m := range []catalogue.Metric{
		catalogue.HTTPServerRequestDuration, catalogue.DBClientOperationDuration, catalogue.HTTPClientRequestDuration,
		catalogue.PaymentCallDuration, catalogue.JobDuration, catalogue.BrowserLCP,
	} {
		require.True(t, leading[m.Name], "a panel of %s leads to traces", m.Name)
	}
}
