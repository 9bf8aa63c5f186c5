package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/farmersmarket/platform/lookout/pager"
	"github.com/farmersmarket/platform/slo"
)

// preflight makes sure that the drill can be held and that its page will be its own.
func (s *stage) preflight(ctx context.Context) error {
	for _, part := range []struct{ name, base, path string }{
		{"the server", s.ServerURL, "/api/ready"},
		{"Prometheus", s.PrometheusURL, "/-/ready"},
		{"Alertmanager", s.AlertmanagerURL, "/-/ready"},
		{"the pager", s.PagerURL, "/healthz"},
	} {
		if err := s.call(ctx, http.MethodGet, part.base, part.path, nil, nil); err != nil {
			return fmt.Errorf("%s is not ready (is the stack up? `lookout up` starts it): %w", part.name, err)
		}
	}
	if err := s.preflightFaults(ctx); err != nil {
		return err
	}
	if _, ok, err := s.recorded(ctx, slo.ObjectiveRatio); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("Prometheus has no recorded series of SLO %s yet: its rules are missing, or it has just started", s.SLO.Name) //nolint:staticcheck // a name
	}
	return s.preflightPages(ctx)
}

func (s *stage) preflightFaults(ctx context.Context) error {
	var inForce struct {
		Faults []fault `json:"faults"`
	}
	err := s.call(ctx, http.MethodGet, s.AdminURL, "/admin/faults", nil, &inForce)
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("the server at %s takes no faults: start it with FAULTS=on", s.AdminURL)
	}
	if err != nil {
		return fmt.Errorf("the server's admin port is not reachable: %w", err)
	}
	if n := len(inForce.Faults); n > 0 {
		return fmt.Errorf("%d injected faults are in force, the first on %s until %s: wait, or DELETE %s/admin/faults",
			n, inForce.Faults[0].Route, inForce.Faults[0].ExpiresAt.Format(time.RFC3339), s.AdminURL)
	}
	return nil
}

// preflightPages refuses to start while a page fires anywhere on the path: the drill could not tell its own.
func (s *stage) preflightPages(ctx context.Context) error {
	firing, err := s.firing(ctx)
	if err != nil {
		return err
	}
	if len(firing) > 0 {
		return fmt.Errorf("%s is firing since %s: a drill cannot tell its page from a real one; wait until it is resolved",
			firing[0].Labels["alertname"], firing[0].ActiveAt.UTC().Format(time.RFC3339))
	}
	var active []struct {
		Labels map[string]string `json:"labels"`
	}
	const path = "/api/v2/alerts?active=true&silenced=false&inhibited=false"
	if err := s.call(ctx, http.MethodGet, s.AlertmanagerURL, path, nil, &active); err != nil {
		return fmt.Errorf("ask Alertmanager for its alerts: %w", err)
	}
	for _, a := range active {
		if a.Labels[slo.LabelSeverity] == slo.SeverityPage {
			return fmt.Errorf("Alertmanager still holds %s: a drill cannot tell its page from a real one; wait until it is resolved", //nolint:staticcheck // a name
				a.Labels["alertname"])
		}
	}
	var latest []pager.Notification
	if err := s.call(ctx, http.MethodGet, s.PagerURL, "/api/pages?limit=1", nil, &latest); err != nil {
		return fmt.Errorf("ask the pager for its pages: %w", err)
	}
	if len(latest) > 0 && latest[0].ReceivedAt.After(s.Now()) {
		return errors.New("the pager's clock is ahead of this one: the timeline would be wrong")
	}
	return nil
}
