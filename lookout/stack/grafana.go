package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/farmersmarket/platform/lookout/upstream"
)

// grafana is optional: it is started when it is installed.
func (o *Options) grafana(ctx context.Context) program {
	grafana, err := upstream.FindGrafana(ctx)
	if errors.Is(err, upstream.ErrNotFound) {
		return program{name: nameGrafana, find: func(context.Context, report) (upstream.Found, error) {
			return upstream.Found{}, fmt.Errorf("%w: plots are on the home page; for dashboards put grafana on PATH "+
				"(https://grafana.com/grafana/download)", errAbsent)
		}}
	}
	return program{
		name: nameGrafana, endpoint: o.Ports.Address(PortGrafana), ports: []string{PortGrafana},
		health: o.Ports.URL(PortGrafana) + "/api/health", page: o.Ports.Link(PortGrafana) + "/d/fm-service",
		find: func(context.Context, report) (upstream.Found, error) {
			return grafana, errors.Join(err, o.provisionGrafana())
		},
		args: func(path string) []string {
			args := []string{"--homepath", grafanaHome(path)}
			if filepath.Base(path) == "grafana" {
				return append([]string{"server"}, args...)
			}
			return args
		},
		env: []string{
			"GF_SERVER_HTTP_ADDR=" + localhost, fmt.Sprintf("GF_SERVER_HTTP_PORT=%d", o.Ports[PortGrafana]),
			"GF_PATHS_DATA=" + o.path("grafana", "data"), "GF_PATHS_LOGS=" + o.path("grafana", "logs"),
			"GF_PATHS_PROVISIONING=" + o.path("grafana", "provisioning"), "GF_LOG_MODE=console",
			// Whoever is on this machine may look; to change something one signs in.
			"GF_AUTH_ANONYMOUS_ENABLED=true", "GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer",
			"GF_SECURITY_ADMIN_PASSWORD__FILE=" + o.path("grafana", "admin_password"),
			"GF_ANALYTICS_REPORTING_ENABLED=false", "GF_ANALYTICS_CHECK_FOR_UPDATES=false",
		},
		dir:     o.Dir,
		onReady: func() error { return o.addTarget(nameGrafana, PortGrafana) },
	}
}

// grafanaHome is the folder with Grafana's own files: beside bin/ in its archive, /usr/share/grafana from a package.
func grafanaHome(path string) string {
	const packaged = "/usr/share/grafana"
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	home := filepath.Dir(filepath.Dir(path))
	if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err == nil {
		return home
	}
	return packaged
}

const grafanaDatasources = `apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    url: %s
    isDefault: true
    jsonData:
      timeInterval: 5s # the scrape interval; a longer one drops exemplars
      exemplarTraceIdDestinations:
        - name: trace_id
          datasourceUid: jaeger
  - name: Jaeger
    uid: jaeger
    type: jaeger
    access: proxy
    url: %s
`

const grafanaDashboards = `apiVersion: 1
providers:
  - name: farmersmarket
    folder: Farmers market
    folderUid: farmersmarket
    type: file
    updateIntervalSeconds: 10
    options:
      path: %q
`

// provisionGrafana writes the data sources for the chosen ports, and points at the committed dashboards.
func (o *Options) provisionGrafana() error {
	provisioning := o.path("grafana", "provisioning")
	for _, dir := range []string{"datasources", "dashboards", "plugins", "alerting"} {
		if err := os.MkdirAll(filepath.Join(provisioning, dir), 0o750); err != nil {
			return fmt.Errorf("provision Grafana: %w", err)
		}
	}
	datasources := fmt.Sprintf(grafanaDatasources, o.Ports.URL(PortPrometheus), o.Ports.URL(PortJaeger))
	dashboards := fmt.Sprintf(grafanaDashboards, filepath.Join(o.Root, "dashboards", "json"))
	return errors.Join(
		writeFile(filepath.Join(provisioning, "datasources", "stack.yaml"), []byte(datasources)),
		writeFile(filepath.Join(provisioning, "dashboards", "stack.yaml"), []byte(dashboards)),
		o.grafanaPassword(),
	)
}

// grafanaPassword makes the password of Grafana's user `admin` once; Grafana keeps the first one it was given.
func (o *Options) grafanaPassword() error {
	path := o.path("grafana", "admin_password")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return writeFile(path, []byte(rand.Text()))
}
