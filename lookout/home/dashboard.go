package home

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// uidPattern is what Grafana accepts as a dashboard uid.
var uidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

const grafanaTimeout = time.Second

// dashboard leads an alert's link to Grafana while it answers, else to the plots here.
func (s *site) dashboard(w http.ResponseWriter, r *http.Request) {
	uid := r.PathValue("uid")
	if !uidPattern.MatchString(uid) {
		s.notFound(w, r)
		return
	}
	target := "/#plots"
	if s.grafanaAnswers(r.Context()) {
		target = strings.TrimRight(s.Links.Grafana, "/") + "/d/" + url.PathEscape(uid)
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.Query().Encode()
		}
	}
	http.Redirect(w, r, target, http.StatusFound) //nolint:gosec // the host is configured, the uid matched, the query encoded
}

func (s *site) grafanaAnswers(ctx context.Context) bool {
	if s.GrafanaURL == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, grafanaTimeout)
	defer cancel()
	var health struct {
		Database string `json:"database"`
	}
	return getJSON(ctx, s.Client, "Grafana", s.GrafanaURL, "/api/health", &health) == nil && health.Database == "ok"
}
