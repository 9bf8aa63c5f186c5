package provision_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/provision"
	"github.com/farmersmarket/platform/lookout/provision/grafanafake"
)

// bench is a fake Grafana and what we want in it.
type bench struct {
	t       *testing.T
	grafana *grafanafake.Server
	client  *provision.Grafana
	want    provision.Desired

	mu    sync.Mutex
	slept []time.Duration
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, grafana: grafanafake.New(t)}
	b.client = b.connect(b.grafana.URL)
	want, err := provision.Want(nil, dashboards.DefaultLinks)
	require.NoError(t, err)
	want.Dashboards = want.Dashboards[:1] // a second one is no different
	b.want = want
	return b
}

func (b *bench) connect(url string) *provision.Grafana {
	b.t.Helper()
	client, err := provision.Connect(provision.Config{URL: url, Token: b.grafana.Token, Timeout: time.Minute, Sleep: b.sleep})
	require.NoError(b.t, err)
	return client
}

// sleep notes how long it was asked to wait, and does not.
func (b *bench) sleep(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slept = append(b.slept, d)
	return ctx.Err()
}

func (b *bench) apply(options provision.Options) provision.Report {
	b.t.Helper()
	report, err := provision.Apply(b.t.Context(), b.client, b.want, options)
	require.NoError(b.t, err)
	return report
}

func (b *bench) plan() provision.Report {
	b.t.Helper()
	report, err := provision.Plan(b.t.Context(), b.client, b.want, provision.Options{})
	require.NoError(b.t, err)
	return report
}

// applied is a bench after a first apply, with the list of writes started anew.
func applied(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.apply(provision.Options{})
	b.grafana.ForgetWrites()
	return b
}

// renamed is the title that retitle gives.
const renamed = "Market, renamed"

// retitle changes what the code wants.
func (b *bench) retitle() {
	b.t.Helper()
	b.want.Dashboards[0] = changed(b.t, b.want.Dashboards[0], func(d map[string]any) { d["title"] = renamed })
}

func changed(t *testing.T, d dashboards.Dashboard, change func(map[string]any)) dashboards.Dashboard {
	t.Helper()
	var data map[string]any
	require.NoError(t, json.Unmarshal(d.JSON, &data))
	change(data)
	text, err := json.Marshal(data)
	require.NoError(t, err)
	d.JSON = text
	return d
}

func panel(t *testing.T, dashboard map[string]any, title string) map[string]any {
	t.Helper()
	for _, p := range dashboard["panels"].([]any) {
		if m := p.(map[string]any); m["title"] == title && m["type"] != "row" {
			return m
		}
	}
	t.Fatalf("no panel %q", title)
	return nil
}

func rename(t *testing.T, from, to string) func(map[string]any) {
	t.Helper()
	return func(d map[string]any) { panel(t, d, from)["title"] = to }
}

func setUnit(t *testing.T, title, unit string) func(map[string]any) {
	t.Helper()
	return func(d map[string]any) {
		panel(t, d, title)["fieldConfig"].(map[string]any)["defaults"].(map[string]any)["unit"] = unit
	}
}

func only(t *testing.T, report provision.Report, kind provision.Kind, uid string) provision.Step {
	t.Helper()
	for _, s := range report.Steps {
		if s.Kind == kind && s.UID == uid {
			return s
		}
	}
	t.Fatalf("no step for %s %s", kind, uid)
	return provision.Step{}
}

const board = dashboards.ServiceUID

func TestApply(t *testing.T) {
	cases := map[string]func(t *testing.T){
		"the first apply creates everything": func(t *testing.T) {
			b := newBench(t)
			report := b.apply(provision.Options{Message: "first"})
			require.Equal(t, "1 folder, 3 data sources, 1 dashboard: created 5", report.Summary())
			require.Equal(t, []string{
				"POST /api/folders", "POST /api/datasources", "POST /api/datasources", "POST /api/datasources", "POST /api/dashboards/db",
			}, b.grafana.Writes(), "in the order in which one needs the other")
			require.Equal(t, []string{"[lookout] first"}, b.grafana.Messages(board))
			require.Equal(t, dashboards.FolderUID, b.grafana.DashboardFolder(board))
			require.Contains(t, b.grafana.Dashboard(board)["tags"], "managed-by-lookout")
			prometheus, _ := b.grafana.DataSource("prometheus")
			require.Equal(t, provision.ScrapeInterval, prometheus.Settings["timeInterval"])
		},
		"a second apply writes nothing": func(t *testing.T) {
			b := applied(t)
			report := b.apply(provision.Options{})
			require.Equal(t, "1 folder, 3 data sources, 1 dashboard: unchanged 5", report.Summary())
			require.Empty(t, b.grafana.Writes())
			require.False(t, report.Differs())
		},
		"a save in the editor that changes nothing is not a difference": func(t *testing.T) {
			b := applied(t)
			b.grafana.EditDashboard(board, "anna", "", func(map[string]any) {})
			report := b.apply(provision.Options{})
			require.Equal(t, 5, report.Count(provision.Unchanged))
			require.Empty(t, b.grafana.Writes())
		},
		"a change of the code is written, and only it": func(t *testing.T) {
			b := applied(t)
			b.retitle()
			report := b.apply(provision.Options{})
			require.Equal(t, "1 folder, 3 data sources, 1 dashboard: updated 1, unchanged 4", report.Summary())
			require.Equal(t, []string{"POST /api/dashboards/db"}, b.grafana.Writes())
			require.Equal(t, []provision.Change{{Path: "title", From: "Market service", To: renamed}},
				only(t, report, provision.KindDashboard, board).Changes)
		},
		"an edit made in Grafana is reported and kept": func(t *testing.T) {
			b := applied(t)
			b.grafana.EditDashboard(board, "anna", "milliseconds read better", setUnit(t, "Latency", "ms"))
			b.retitle()
			report := b.apply(provision.Options{})
			step := only(t, report, provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Equal(t, []provision.Change{{Path: `panels["Latency"].fieldConfig.defaults.unit`, From: "s", To: "ms"}}, step.Edits)
			require.Len(t, step.Saves, 1)
			require.Equal(t, "anna", step.Saves[0].By)
			require.Equal(t, "milliseconds read better", step.Saves[0].Message)
			require.False(t, step.Saves[0].At.IsZero())
			require.Len(t, step.Changes, 2, "what force would write: the edit undone and the code's change")
			require.Empty(t, b.grafana.Writes())
		},
		"force overwrites an edit, and the next apply is quiet": func(t *testing.T) {
			b := applied(t)
			b.grafana.EditDashboard(board, "anna", "", setUnit(t, "Latency", "ms"))
			report := b.apply(provision.Options{Force: true})
			require.Equal(t, 1, report.Count(provision.Update))
			b.grafana.ForgetWrites()
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
			require.Empty(t, b.grafana.Writes())
		},
		"the same change made in Grafana and in the code is no difference": func(t *testing.T) {
			b := applied(t)
			b.grafana.EditDashboard(board, "anna", "", func(d map[string]any) { d["title"] = renamed })
			b.retitle()
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
			require.Empty(t, b.grafana.Writes())
		},
		"a dashboard edited until our version is pruned is kept": func(t *testing.T) {
			b := applied(t)
			for range b.grafana.VersionsToKeep + 1 {
				b.grafana.EditDashboard(board, "anna", "", setUnit(t, "Latency", "ms"))
			}
			step := only(t, b.apply(provision.Options{}), provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Contains(t, step.Reason, "no longer stored")
			require.Empty(t, b.grafana.Writes())
		},
		"a dashboard moved to another folder is kept there": func(t *testing.T) {
			b := applied(t)
			b.grafana.MoveDashboard(board, "")
			step := only(t, b.apply(provision.Options{}), provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Equal(t, "folder", step.Edits[0].Path)
			b.apply(provision.Options{Force: true})
			require.Equal(t, dashboards.FolderUID, b.grafana.DashboardFolder(board))
		},
		"somebody else's dashboard with our uid is not taken over without force": func(t *testing.T) {
			b := newBench(t)
			b.grafana.AddDashboard("", map[string]any{"uid": board, "title": "Mine"})
			step := only(t, b.apply(provision.Options{}), provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Contains(t, step.Reason, "lookout did not create it")
			require.Equal(t, "Mine", b.grafana.Dashboard(board)["title"])
			b.apply(provision.Options{Force: true})
			require.Equal(t, "Market service", b.grafana.Dashboard(board)["title"])
		},
		"a dashboard loaded from a file is left alone, even with force": func(t *testing.T) {
			b := newBench(t)
			var built map[string]any
			require.NoError(t, json.Unmarshal(b.want.Dashboards[0].JSON, &built))
			b.grafana.ProvisionDashboard(dashboards.FolderUID, built)
			require.Equal(t, "1 folder, 3 data sources, 1 dashboard: created 4, unchanged 1", b.apply(provision.Options{}).Summary())
			b.retitle()
			step := only(t, b.apply(provision.Options{Force: true}), provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Contains(t, step.Reason, "provisioning file")
		},
		"a folder renamed in Grafana is kept without force": func(t *testing.T) {
			b := applied(t)
			b.grafana.RenameFolder(dashboards.FolderUID, "Our market")
			require.Equal(t, provision.Keep, only(t, b.apply(provision.Options{}), provision.KindFolder, dashboards.FolderUID).Action)
			require.Empty(t, b.grafana.Writes())
			require.Equal(t, 1, b.apply(provision.Options{Force: true}).Count(provision.Update))
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
		},
		"writes go one at a time": func(t *testing.T) {
			b := newBench(t)
			b.apply(provision.Options{})
			require.Equal(t, 1, b.grafana.WidestWrites())
		},
		"a message longer than Grafana allows is cut": func(t *testing.T) {
			b := newBench(t)
			b.apply(provision.Options{Message: strings.Repeat("ö", 600)})
			require.Len(t, []rune(b.grafana.Messages(board)[0]), 500)
		},
		"a deploy is marked once, however often apply runs": func(t *testing.T) {
			b := newBench(t)
			b.apply(provision.Options{Annotate: "v1.4.2"})
			b.apply(provision.Options{Annotate: "v1.4.2"})
			b.apply(provision.Options{Annotate: "v1.4.3"})
			require.Equal(t, []string{"v1.4.2", "v1.4.3"}, b.grafana.Annotations())
		},
		"a dashboard of ours that left the code is reported, and nothing else in Grafana is": func(t *testing.T) {
			b := applied(t)
			b.grafana.AddDashboard(dashboards.FolderUID, map[string]any{"uid": "old", "title": "Old", "tags": []any{"managed-by-lookout"}})
			b.grafana.AddDashboard("", map[string]any{"uid": "other", "title": "Another project's", "tags": []any{"managed-by-lookout"}})
			b.grafana.AddDashboard(dashboards.FolderUID, map[string]any{"uid": "hand", "title": "Hand-made"})
			require.Equal(t, []provision.Orphan{{UID: "old", Title: "Old"}}, b.plan().Orphans)
		},
		"orphans are found on every page of the search": func(t *testing.T) {
			b := applied(t)
			for _, uid := range many("old-", 1005) {
				b.grafana.AddDashboard(dashboards.FolderUID, map[string]any{"uid": uid, "title": uid, "tags": []any{"managed-by-lookout"}})
			}
			require.Len(t, b.plan().Orphans, 1005)
		},
	}
	for name, run := range cases {
		t.Run(name, run)
	}
}

func TestDataSources(t *testing.T) {
	settings := func(b *bench) map[string]any {
		d, ok := b.grafana.DataSource("prometheus")
		require.True(b.t, ok)
		return d.Settings
	}
	edit := func(b *bench, change func(*grafanafake.DataSource)) {
		d, _ := b.grafana.DataSource("prometheus")
		change(&d)
		b.grafana.SaveDataSource("prometheus", d)
	}
	cases := map[string]func(t *testing.T, b *bench){
		"an edit of a setting is reported and kept": func(t *testing.T, b *bench) {
			edit(b, func(d *grafanafake.DataSource) { d.Settings["timeInterval"] = "60s" })
			step := only(t, b.apply(provision.Options{}), provision.KindDataSource, "prometheus")
			require.Equal(t, provision.Keep, step.Action)
			require.Equal(t, []provision.Change{{Path: "jsonData.timeInterval", From: provision.ScrapeInterval, To: "60s"}}, step.Edits)
			require.Empty(t, b.grafana.Writes())
		},
		"force overwrites an edit": func(t *testing.T, b *bench) {
			edit(b, func(d *grafanafake.DataSource) { d.Settings["timeInterval"] = "60s" })
			b.apply(provision.Options{Force: true})
			require.Equal(t, provision.ScrapeInterval, settings(b)["timeInterval"])
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
		},
		"settings that the code says nothing about are neither compared nor lost": func(t *testing.T, b *bench) {
			edit(b, func(d *grafanafake.DataSource) {
				d.Settings["customQueryParameters"] = "tenant=7"
				d.BasicAuth, d.BasicAuthUser, d.IsDefault = true, "reader", true
				d.Secrets = map[string]string{"basicAuthPassword": "hunter2"}
			})
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
			b.want.DataSources[0].URL = "http://elsewhere:9090"
			require.Equal(t, 1, b.apply(provision.Options{}).Count(provision.Update))
			d, _ := b.grafana.DataSource("prometheus")
			require.Equal(t, "http://elsewhere:9090", d.URL)
			require.Equal(t, "tenant=7", d.Settings["customQueryParameters"])
			require.True(t, d.BasicAuth && d.IsDefault)
			require.Equal(t, "reader", d.BasicAuthUser)
			require.Equal(t, "hunter2", d.Secrets["basicAuthPassword"])
		},
		"a setting that left the code leaves Grafana": func(t *testing.T, b *bench) {
			delete(b.want.DataSources[0].JSONData, "httpMethod")
			step := only(t, b.apply(provision.Options{}), provision.KindDataSource, "prometheus")
			require.Equal(t, []provision.Change{{Path: "jsonData.httpMethod", From: "POST"}}, step.Changes)
			require.NotContains(t, settings(b), "httpMethod")
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
		},
		"one that somebody made is not taken over without force": func(t *testing.T, b *bench) {
			b.grafana.SaveDataSource("prometheus", grafanafake.DataSource{
				Name: "Ours", Type: "prometheus", URL: "http://theirs:9090", Settings: map[string]any{},
			})
			step := only(t, b.apply(provision.Options{}), provision.KindDataSource, "prometheus")
			require.Equal(t, provision.Keep, step.Action)
			require.Contains(t, step.Reason, "did not create it")
			require.Empty(t, b.grafana.Writes())
			require.Equal(t, 1, b.apply(provision.Options{Force: true}).Count(provision.Update))
		},
		"one loaded from a file counts as unchanged when it is right": func(t *testing.T, b *bench) {
			edit(b, func(d *grafanafake.DataSource) {
				d.ReadOnly = true
				delete(d.Settings, "managedByLookout")
			})
			require.Equal(t, 5, b.apply(provision.Options{}).Count(provision.Unchanged))
			b.want.DataSources[0].URL = "http://elsewhere:9090"
			step := only(t, b.apply(provision.Options{Force: true}), provision.KindDataSource, "prometheus")
			require.Equal(t, provision.Keep, step.Action)
			require.Contains(t, step.Reason, "provisioning file")
		},
		"an edit between plan and write is seen and kept": func(t *testing.T, b *bench) {
			b.want.DataSources[0].URL = "http://elsewhere:9090"
			b.grafana.Fail(grafanafake.Failure{Method: http.MethodPut, Path: "/api/datasources", Before: func() {
				edit(b, func(d *grafanafake.DataSource) { d.Settings["timeInterval"] = "60s" })
			}})
			require.Equal(t, provision.Keep, only(t, b.apply(provision.Options{}), provision.KindDataSource, "prometheus").Action)
			require.Equal(t, "60s", settings(b)["timeInterval"])
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { run(t, applied(t)) })
	}
}

func TestConflicts(t *testing.T) {
	for _, status := range []int{http.StatusPreconditionFailed, http.StatusConflict} {
		t.Run("an edit between plan and write is kept when Grafana answers "+http.StatusText(status), func(t *testing.T) {
			b := applied(t)
			b.grafana.ConflictStatus = status
			b.retitle()
			b.grafana.Fail(grafanafake.Failure{Method: http.MethodPost, Path: "/api/dashboards/db", Before: func() {
				b.grafana.EditDashboard(board, "anna", "", rename(t, "Latency", "How slow"))
			}})
			step := only(t, b.apply(provision.Options{}), provision.KindDashboard, board)
			require.Equal(t, provision.Keep, step.Action)
			require.Equal(t, "anna", step.Saves[0].By)
			require.Equal(t, "Market service", b.grafana.Dashboard(board)["title"])
		})
		t.Run("a save that changed nothing does not stop the write when Grafana answers "+http.StatusText(status), func(t *testing.T) {
			b := applied(t)
			b.grafana.ConflictStatus = status
			b.retitle()
			b.grafana.Fail(grafanafake.Failure{Method: http.MethodPost, Path: "/api/dashboards/db", Before: func() {
				b.grafana.EditDashboard(board, "anna", "", func(map[string]any) {})
			}})
			require.Equal(t, "updated", only(t, b.apply(provision.Options{}), provision.KindDashboard, board).Outcome())
			require.Equal(t, renamed, b.grafana.Dashboard(board)["title"])
		})
	}
}

func many(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strings.Repeat("x", i%20) + "-" + string(rune('a'+i/26/20%26)) + string(rune('a'+i/20%26)) + string(rune('a'+i%20))
	}
	return out
}
