// Package home serves the stack's home page: what runs, the SLO's budget, plots of the last minutes, the latest error
// traces with a waterfall for each, and the latest pages. It needs no Grafana and no asset from elsewhere.
package home

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/farmersmarket/platform/lookout/stack"
)

// Config says where the page finds what it shows. A source whose URL is empty is left out of the page.
type Config struct {
	// Components reports what runs, in the order shown. When nil the components are read from Prometheus's `up`.
	Components func() []stack.Component

	PrometheusURL   string // for example http://127.0.0.1:9090
	AlertmanagerURL string // for example http://127.0.0.1:9093
	JaegerURL       string // its query API, for example http://127.0.0.1:16686
	PagerURL        string // for example http://127.0.0.1:8091
	GrafanaURL      string // for example http://127.0.0.1:3000; used only while it answers
	ServerURL       string // the API as a browser reaches it, for links; for example http://127.0.0.1:8080
	RunbookDir      string // folder of *.md runbooks, for example docs/runbooks

	Service string           // service name in traces and SLO labels; market-api when empty
	Client  *http.Client     // for the sources; one with sensible bounds when nil
	Now     func() time.Time // time.Now when nil
}

const defaultService = "market-api"

func (c *Config) check() error {
	for name, value := range map[string]string{
		"Prometheus": c.PrometheusURL, "Alertmanager": c.AlertmanagerURL, "Jaeger": c.JaegerURL,
		"pager": c.PagerURL, "Grafana": c.GrafanaURL, "server": c.ServerURL,
	} {
		if value == "" {
			continue
		}
		parsed, err := url.Parse(value)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			return fmt.Errorf("home page: %s URL %q: want http://host:port", name, value)
		}
	}
	if c.Components == nil && c.PrometheusURL == "" {
		return fmt.Errorf("home page: nothing says which components run: give Components or a Prometheus URL")
	}
	if c.Service == "" {
		c.Service = defaultService
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// New returns the handler of the home page. It contacts no source before the first request.
func New(config Config) (http.Handler, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(config.Components())
	})
	return mux, nil
}
