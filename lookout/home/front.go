package home

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/farmersmarket/platform/lookout/pager"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/webui"
)

const (
	plotSpan      = 15 * time.Minute
	plotStep      = 10 * time.Second
	maxExemplars  = 60
	tracesShown   = 8
	pagesShown    = 8
	minErrorsTop  = 0.01  // the error axis reaches at least 1 %
	minLatencyTop = 0.010 // the latency axis reaches at least 10 ms
	minRateTop    = 1
)

// panel is what a part of the page shows, or why it cannot.
type panel[T any] struct {
	Data    T
	Failure string // a sentence; empty when Data holds
}

func newPanel[T any](data T, err error) panel[T] {
	if err != nil {
		return panel[T]{Failure: err.Error() + "."}
	}
	return panel[T]{Data: data}
}

// frontView is the front page.
type frontView struct {
	Now        time.Time
	Links      []link
	Components panel[[]componentView]
	SLOs       panel[[]sloView]
	Plots      []plot
	Alerts     panel[[]alertView]
	Traces     panel[[]traceSummary]
	Pages      panel[[]pageLine]
	PagerLink  string
	Source     Config
}

type link struct{ Text, URL string }

type componentView struct {
	stack.Component
	Class  string
	Memory string
	Link   string // empty when there is no page worth opening, or the component is not ready
}

// alertView is one alert that Alertmanager holds.
type alertView struct {
	Name, Summary, Severity, RunbookURL string
	Since                               time.Time
}

// pageLine is one notification.
type pageLine struct {
	At       time.Time
	Status   string
	Title    string
	Severity string
}

func (s *site) front(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "front.html", s.gather(r.Context()))
}

// gather asks all sources at once; each fills its own part of the view.
func (s *site) gather(ctx context.Context) frontView {
	view := frontView{Now: s.Now(), Source: s.Config}
	view.Plots = make([]plot, 3)
	var grafana bool
	var running sync.WaitGroup
	running.Go(func() { view.Components = newPanel(s.components(ctx, view.Now)) })
	running.Go(func() { grafana = s.grafanaAnswers(ctx) })
	if s.prometheus != nil {
		running.Go(func() { view.SLOs = newPanel(s.prometheus.slos(ctx, view.Now)) })
		for i, draw := range []func(context.Context, time.Time) plot{s.requestsPlot, s.errorsPlot, s.latencyPlot} {
			running.Go(func() { view.Plots[i] = draw(ctx, view.Now) })
		}
	}
	if s.AlertmanagerURL != "" {
		running.Go(func() { view.Alerts = newPanel(s.alerts(ctx)) })
	}
	if s.JaegerURL != "" {
		running.Go(func() {
			view.Traces = newPanel(errorTraces(ctx, s.Client, s.JaegerURL, s.Service, view.Now, tracesShown))
		})
	}
	if s.PagerURL != "" {
		running.Go(func() { view.Pages = newPanel(s.pages(ctx)) })
	}
	running.Wait()
	view.PagerLink = s.Links.Pager
	view.Links = s.links(&view, grafana)
	return view
}

// links are those that lead somewhere now.
func (s *site) links(view *frontView, grafana bool) []link {
	var links []link
	if s.Links.Server != "" && ready(view.Components.Data, "server") {
		links = append(links, link{"API documentation", s.Links.Server + "/docs"})
	}
	if s.PagerURL != "" && view.Pages.Failure == "" {
		links = append(links, link{"Pages", s.Links.Pager})
	}
	if s.AlertmanagerURL != "" && view.Alerts.Failure == "" {
		links = append(links, link{"Alertmanager", s.Links.Alertmanager})
	}
	if grafana {
		links = append(links, link{"Grafana", s.Links.Grafana})
	}
	if len(s.runbookNames()) > 0 {
		links = append(links, link{"Runbooks", "/runbooks/"})
	}
	return links
}

func ready(components []componentView, name string) bool {
	return slices.ContainsFunc(components, func(c componentView) bool { return c.Name == name && c.State == stack.Ready })
}

func (s *site) components(ctx context.Context, now time.Time) ([]componentView, error) {
	components, err := s.list(ctx, now)
	if err != nil {
		return nil, err
	}
	views := make([]componentView, len(components))
	for i, c := range components {
		views[i] = componentView{Component: c, Class: stateClass(c.State), Memory: megabytes(c.MemoryBytes)}
		if c.State == stack.Ready {
			views[i].Link = c.URL
		}
	}
	return views, nil
}

func (s *site) list(ctx context.Context, now time.Time) ([]stack.Component, error) {
	if s.Components != nil {
		return s.Components(), nil
	}
	return s.prometheus.components(ctx, now)
}

func (s *site) status(w http.ResponseWriter, r *http.Request) {
	components, err := s.list(r.Context(), s.Now())
	if err != nil {
		webui.Problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	webui.JSON(w, components)
}

func stateClass(state stack.State) string {
	switch state {
	case stack.Ready:
		return "good"
	case stack.Failed, stack.Restarting:
		return "bad"
	case stack.Building, stack.Starting, stack.Stopping:
		return "warn"
	default:
		return ""
	}
}

func megabytes(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}

func (s *site) requestsPlot(ctx context.Context, now time.Time) plot {
	points, err := s.prometheus.over(ctx, requestsQuery, now.Add(-plotSpan), now, plotStep)
	return s.plot(plotInput{
		id: "requests", title: "Requests", unit: perSecond, minTop: minRateTop,
		series: []series{{Name: "all routes", points: points}},
	}, now, err)
}

func (s *site) errorsPlot(ctx context.Context, now time.Time) plot {
	points, err := s.prometheus.over(ctx, errorsQuery, now.Add(-plotSpan), now, plotStep)
	return s.plot(plotInput{
		id: "errors", title: "Errors", unit: percent, minTop: minErrorsTop,
		series: []series{{Name: "answered 5xx", points: points}},
	}, now, err)
}

func (s *site) latencyPlot(ctx context.Context, now time.Time) plot {
	in := plotInput{id: "latency", title: "Latency", unit: seconds, minTop: minLatencyTop}
	for _, quantile := range []float64{0.5, 0.95, 0.99} {
		points, err := s.prometheus.over(ctx, latencyQuery(quantile), now.Add(-plotSpan), now, plotStep)
		if err != nil {
			return s.plot(in, now, err)
		}
		in.series = append(in.series, series{Name: fmt.Sprintf("p%g", quantile*100), points: points})
	}
	// Exemplars are an extra: a Prometheus without their storage still has the lines.
	in.exemplars, _ = s.prometheus.exemplars(ctx, exemplarQuery, now.Add(-plotSpan), now, maxExemplars)
	return s.plot(in, now, nil)
}

func (s *site) plot(in plotInput, now time.Time, err error) plot {
	if err != nil {
		return plot{ID: in.id, Title: in.title, Failure: err.Error() + "."}
	}
	in.from, in.to, in.step = now.Add(-plotSpan), now, plotStep
	return newPlot(in)
}

// alerts are those firing now, without silenced and inhibited ones and without the Watchdog, which always fires.
func (s *site) alerts(ctx context.Context) ([]alertView, error) {
	var answer []struct {
		Labels, Annotations map[string]string
		StartsAt            time.Time `json:"startsAt"`
	}
	const path = "/api/v2/alerts?active=true&silenced=false&inhibited=false"
	if err := getJSON(ctx, s.Client, "Alertmanager", s.AlertmanagerURL, path, &answer); err != nil {
		return nil, err
	}
	views := []alertView{}
	for _, a := range answer {
		name := a.Labels["alertname"]
		if name == "Watchdog" {
			continue
		}
		view := alertView{Name: name, Summary: name, Severity: a.Labels["severity"], Since: a.StartsAt}
		if text := a.Annotations["summary"]; text != "" {
			view.Summary = text
		}
		if target, err := url.Parse(a.Annotations["runbook_url"]); err == nil && strings.HasPrefix(target.Scheme, "http") {
			view.RunbookURL = target.String()
		}
		views = append(views, view)
	}
	slices.SortFunc(views, func(a, b alertView) int { return a.Since.Compare(b.Since) })
	return views, nil
}

func (s *site) pages(ctx context.Context) ([]pageLine, error) {
	var answer []pager.Notification
	path := fmt.Sprintf("/api/pages?limit=%d", pagesShown)
	if err := getJSON(ctx, s.Client, "The pager", s.PagerURL, path, &answer); err != nil {
		return nil, err
	}
	lines := make([]pageLine, len(answer))
	for i, n := range answer {
		lines[i] = pageLine{At: n.ReceivedAt, Status: n.Status, Title: n.Summary(), Severity: n.CommonLabels["severity"]}
	}
	return lines, nil
}
