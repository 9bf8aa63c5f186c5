// Package home serves the stack's home page: what runs, the SLO's budget, plots of the last minutes, the latest error
// traces with a waterfall for each, and the latest pages. It needs no Grafana and no asset from elsewhere.
package home

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/webui"
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
	ServerURL       string // the API, for example http://127.0.0.1:8080

	Links      Links  // where a browser finds what the page links to
	RunbookDir string // folder of *.md runbooks, for example docs/runbooks

	Service string           // service name in traces and SLO labels; market-api when empty
	Client  *http.Client     // for the sources; one of its own when nil
	Log     *slog.Logger     // slog.Default() when nil
	Now     func() time.Time // time.Now when nil
}

// Links are addresses as a browser reaches them. Each defaults to the URL of its source, which is right on one machine;
// between containers the two differ.
type Links struct {
	Server, Alertmanager, Pager, Grafana string
}

const defaultService = "market-api"

func (c *Config) check() error {
	for name, value := range map[string]string{
		"Prometheus": c.PrometheusURL, "Alertmanager": c.AlertmanagerURL, "Jaeger": c.JaegerURL,
		"pager": c.PagerURL, "Grafana": c.GrafanaURL, "server": c.ServerURL, "server link": c.Links.Server,
		"Alertmanager link": c.Links.Alertmanager, "pager link": c.Links.Pager, "Grafana link": c.Links.Grafana,
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
		return errors.New("home page: nothing says which components run: give Components or a Prometheus URL")
	}
	return nil
}

func (c *Config) setDefaults() {
	for link, source := range map[*string]string{
		&c.Links.Server: c.ServerURL, &c.Links.Alertmanager: c.AlertmanagerURL,
		&c.Links.Pager: c.PagerURL, &c.Links.Grafana: c.GrafanaURL,
	} {
		if *link == "" {
			*link = source
		}
	}
	if c.Service == "" {
		c.Service = defaultService
	}
	if c.Client == nil {
		c.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// site is the home page and everything below it.
type site struct {
	Config
	prometheus *prometheusSource // nil when not configured
}

// New returns the handler of the home page. It contacts no source before the first request.
func New(config Config) (http.Handler, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	config.setDefaults()
	s := &site{Config: config}
	if config.PrometheusURL != "" {
		source, err := newPrometheusSource(config.PrometheusURL, config.Client)
		if err != nil {
			return nil, err
		}
		s.prometheus = source
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.front)
	mux.HandleFunc("GET /traces/{id}", s.trace)
	mux.HandleFunc("GET /d/{uid}", s.dashboard)
	mux.HandleFunc("GET /runbooks/{$}", s.runbooks)
	mux.HandleFunc("GET /runbooks/{name}", s.runbook)
	mux.HandleFunc("GET /api/status", s.status)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET "+webui.AssetsPath, webui.Assets())
	mux.Handle("GET /home.css", http.FileServerFS(pageFiles))
	mux.HandleFunc("/", s.notFound)
	return webui.Confine(mux), nil
}
