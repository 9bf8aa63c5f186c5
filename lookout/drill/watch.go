package drill

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/farmersmarket/platform/lookout/pager"
	"github.com/farmersmarket/platform/slo"
)

// promAlert is one alert of Prometheus's /api/v1/alerts.
type promAlert struct {
	Labels   map[string]string `json:"labels"`
	State    string            `json:"state"`
	ActiveAt time.Time         `json:"activeAt"`
}

// expected says whether labels are those of the alert that the drill is about.
func (s *stage) expected(labels map[string]string) bool {
	return labels["alertname"] == s.SLO.AlertName() && labels[slo.LabelSLO] == s.SLO.Name &&
		labels[slo.LabelSeverity] == slo.SeverityPage
}

// firing returns the page alerts that Prometheus holds firing.
func (s *stage) firing(ctx context.Context) ([]promAlert, error) {
	var answer struct {
		Data struct {
			Alerts []promAlert `json:"alerts"`
		} `json:"data"`
	}
	if err := s.call(ctx, http.MethodGet, s.PrometheusURL, "/api/v1/alerts", nil, &answer); err != nil {
		return nil, fmt.Errorf("ask Prometheus for its alerts: %w", err)
	}
	var pages []promAlert
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" && a.Labels[slo.LabelSeverity] == slo.SeverityPage {
			pages = append(pages, a)
		}
	}
	return pages, nil
}

// value evaluates a query that gives one number; false when it gives none.
func (s *stage) value(ctx context.Context, query string) (float64, bool, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	path := "/api/v1/query?" + url.Values{"query": {query}}.Encode()
	if err := s.call(ctx, http.MethodGet, s.PrometheusURL, path, nil, &answer); err != nil {
		return 0, false, fmt.Errorf("ask Prometheus for %s: %w", query, err)
	}
	if len(answer.Data.Result) == 0 {
		return 0, false, nil
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false, fmt.Errorf("ask Prometheus for %s: the value %q is no number", query, text)
	}
	return number, true, nil
}

// recorded reads one recorded series of the SLO.
func (s *stage) recorded(ctx context.Context, name string) (float64, bool, error) {
	return s.value(ctx, fmt.Sprintf("%s{%s=%q}", name, slo.LabelSLO, s.SLO.Name))
}

// notifications returns what the pager received since the drill started, oldest first.
func (s *stage) notifications(ctx context.Context) ([]pager.Notification, error) {
	query := url.Values{"since": {s.report.Started.Format(time.RFC3339Nano)}, "limit": {"1000"}}
	var newestFirst []pager.Notification
	if err := s.call(ctx, http.MethodGet, s.PagerURL, "/api/pages?"+query.Encode(), nil, &newestFirst); err != nil {
		return nil, fmt.Errorf("ask the pager for its pages: %w", err)
	}
	oldestFirst := make([]pager.Notification, 0, len(newestFirst))
	for i := range newestFirst {
		oldestFirst = append(oldestFirst, newestFirst[len(newestFirst)-1-i])
	}
	return oldestFirst, nil
}

// page finds the first page of the drill, and any alert that paged though it should not have.
func (s *stage) page(ctx context.Context) (page *pager.Notification, foreign string, err error) {
	received, err := s.notifications(ctx)
	if err != nil {
		return nil, "", err
	}
	for i, n := range received {
		for _, a := range n.Alerts {
			switch {
			case a.Status != pager.Firing || a.Labels[slo.LabelSeverity] != slo.SeverityPage:
			case !s.expected(a.Labels):
				foreign = a.Labels["alertname"]
			case page == nil:
				page = &received[i]
			}
		}
	}
	return page, foreign, nil
}

// resolved finds the notification that ended the page: the last of its group, if that says so. The group may fire again
// in between, when a second window burns.
func (s *stage) resolved(ctx context.Context, page *pager.Notification) (*pager.Notification, error) {
	received, err := s.notifications(ctx)
	if err != nil {
		return nil, err
	}
	var last *pager.Notification
	for i, n := range received {
		if n.GroupKey == page.GroupKey {
			last = &received[i]
		}
	}
	if last == nil || last.Status != pager.Resolved {
		return nil, nil //nolint:nilnil // not yet
	}
	return last, nil
}
