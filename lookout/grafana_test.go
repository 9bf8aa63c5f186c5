package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/provision/grafanafake"
)

// grafanaSession is a terminal in which plan and apply are typed.
type grafanaSession struct {
	t       *testing.T
	grafana *grafanafake.Server
}

func newGrafanaSession(t *testing.T) *grafanaSession {
	t.Helper()
	for _, name := range []string{
		"GRAFANA_TOKEN_FILE", "GRAFANA_USER", "GRAFANA_PASSWORD", "GRAFANA_PASSWORD_FILE", "PROMETHEUS_URL", "JAEGER_URL", "LOKI_URL",
	} {
		t.Setenv(name, "")
	}
	s := &grafanaSession{t, grafanafake.New(t)}
	t.Setenv("GRAFANA_URL", s.grafana.URL)
	t.Setenv("GRAFANA_TOKEN", s.grafana.Token)
	return s
}

// run types a command. The exit status is the one that main would give.
func (s *grafanaSession) run(command func() *cobra.Command, args ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	var out, errOut bytes.Buffer
	c := command()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&errOut)
	err := c.ExecuteContext(s.t.Context())
	if err != nil {
		errOut.WriteString(err.Error())
		status = statusEnvironment
		if verdict := (failure{}); errors.As(err, &verdict) {
			status = statusFailed
		}
	}
	require.NotContains(s.t, out.String()+errOut.String(), s.grafana.Token, "the token is printed nowhere")
	return out.String(), errOut.String(), status
}

func (s *grafanaSession) edit() {
	s.grafana.EditDashboard(dashboards.ServiceUID, "anna", "better title", func(d map[string]any) { d["title"] = "Anna's" })
}

func TestGrafanaCommands(t *testing.T) {
	cases := map[string]func(t *testing.T, s *grafanaSession){
		"plan shows what apply would create and writes nothing": func(t *testing.T, s *grafanaSession) {
			out, _, status := s.run(newPlanCommand)
			require.Equal(t, 0, status)
			require.Contains(t, out, "Grafana 12.4.4 at "+s.grafana.URL)
			require.Contains(t, out, `+ create    dashboard   "Market service" (fm-service)`)
			require.Regexp(t, `1 folder, 3 data sources, \d+ dashboards: create \d+\n`, out)
			require.Empty(t, s.grafana.Writes())
		},
		"apply says what it wrote, and that a second one had nothing to do": func(t *testing.T, s *grafanaSession) {
			out, progress, status := s.run(newApplyCommand)
			require.Equal(t, 0, status)
			require.Contains(t, progress, "reading "+s.grafana.URL)
			require.Contains(t, progress, `folder "farmersmarket": created`)
			require.Regexp(t, `1 folder, 3 data sources, \d+ dashboards: created \d+\n`, out)
			out, _, status = s.run(newApplyCommand)
			require.Equal(t, 0, status)
			require.Regexp(t, `: unchanged \d+\n`, out)
		},
		"plan --exit-code tells a difference by status 1": func(t *testing.T, s *grafanaSession) {
			_, _, status := s.run(newPlanCommand, "--exit-code")
			require.Equal(t, statusFailed, status)
			s.run(newApplyCommand)
			_, _, status = s.run(newPlanCommand, "--exit-code")
			require.Equal(t, 0, status)
		},
		"an edit made in Grafana is shown with who, when and what, and apply exits with 1": func(t *testing.T, s *grafanaSession) {
			s.run(newApplyCommand)
			s.edit()
			out, message, status := s.run(newApplyCommand)
			require.Equal(t, statusFailed, status)
			require.Regexp(t, `1 of \d+ objects were kept`, message)
			require.Regexp(t, `version 2 saved by anna at 2026-05-04T08:\d\d:00Z: "better title"`, out)
			require.Contains(t, out, `~ title: "Market service" → "Anna's"`)
			require.Contains(t, out, "apply with --force")
			_, _, status = s.run(newApplyCommand, "--force")
			require.Equal(t, 0, status)
			require.Equal(t, "Market service", s.grafana.Dashboard(dashboards.ServiceUID)["title"])
		},
		"--json prints one document and nothing else": func(t *testing.T, s *grafanaSession) {
			s.run(newApplyCommand)
			s.edit()
			out, _, _ := s.run(newPlanCommand, "--json")
			var report struct {
				Summary string
				Steps   []struct {
					Kind, UID, Action string
					Saves             []struct{ By string }
					Edits             []struct{ Path string }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(out), &report))
			last := report.Steps[4]
			require.Equal(t, "keep", last.Action)
			require.Equal(t, "anna", last.Saves[0].By)
			require.Equal(t, "title", last.Edits[0].Path)
			require.Contains(t, report.Summary, "keep 1")
		},
		"data sources are where the flag says, else the environment": func(t *testing.T, s *grafanaSession) {
			t.Setenv("JAEGER_URL", "http://jaeger:16686")
			t.Setenv("PROMETHEUS_URL", "http://not-this:9090")
			s.run(newApplyCommand, "--data-source-url", "prometheus=http://prometheus:9090")
			for uid, url := range map[string]string{
				"prometheus": "http://prometheus:9090", "jaeger": "http://jaeger:16686", "loki": "http://127.0.0.1:3100",
			} {
				d, _ := s.grafana.DataSource(uid)
				require.Equal(t, url, d.URL)
			}
		},
		"an unknown data source is refused before anything is sent": func(t *testing.T, s *grafanaSession) {
			_, message, status := s.run(newApplyCommand, "--data-source-url", "promtheus=http://prometheus:9090")
			require.Equal(t, statusEnvironment, status)
			require.Contains(t, message, `unknown data source "promtheus": use one of jaeger, loki, prometheus`)
			require.Zero(t, s.grafana.Requests())
		},
		"the token may be in a file": func(t *testing.T, s *grafanaSession) {
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, []byte(s.grafana.Token+"\n"), 0o600))
			t.Setenv("GRAFANA_TOKEN", "")
			_, _, status := s.run(newPlanCommand, "--token-file", file)
			require.Equal(t, 0, status)
		},
		"a user and a password file do as well": func(t *testing.T, s *grafanaSession) {
			s.grafana.User, s.grafana.Password = "admin", "hunter2"
			file := filepath.Join(t.TempDir(), "password")
			require.NoError(t, os.WriteFile(file, []byte("hunter2\n"), 0o600))
			t.Setenv("GRAFANA_TOKEN", "")
			_, _, status := s.run(newPlanCommand, "--grafana-user", "admin", "--password-file", file)
			require.Equal(t, 0, status)
		},
		"an empty token file is named": func(t *testing.T, s *grafanaSession) {
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			_, message, status := s.run(newPlanCommand, "--token-file", file)
			require.Equal(t, statusEnvironment, status)
			require.Contains(t, message, file+" is empty")
		},
		"no credentials is an error with its remedy": func(t *testing.T, s *grafanaSession) {
			t.Setenv("GRAFANA_TOKEN", "")
			_, message, status := s.run(newPlanCommand)
			require.Equal(t, statusEnvironment, status)
			require.Contains(t, message, "set GRAFANA_TOKEN or --token-file")
		},
		"a refused token is status 2": func(t *testing.T, s *grafanaSession) {
			t.Setenv("GRAFANA_TOKEN", "glsa_expired")
			_, message, status := s.run(newApplyCommand)
			require.Equal(t, statusEnvironment, status)
			require.Contains(t, message, "401")
			require.NotContains(t, message, "glsa_expired")
		},
		"a failure half-way still tells what was written": func(t *testing.T, s *grafanaSession) {
			s.grafana.Fail(grafanafake.Failure{
				Method: http.MethodPost, Path: "/api/dashboards/db", Status: http.StatusForbidden,
			})
			out, message, status := s.run(newApplyCommand)
			require.Equal(t, statusEnvironment, status)
			require.Contains(t, message, `writing dashboard "fm-service"`)
			require.Regexp(t, `created 4, create \d`, out)
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { run(t, newGrafanaSession(t)) })
	}
}
