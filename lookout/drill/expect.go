package drill

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/slo"
)

// expect computes, from what Prometheus has counted so far and from the programs' own configuration, when the page should
// come. During is how many requests a second there are in the outage, the drill's own included.
func (s *stage) expect(ctx context.Context, during float64) error {
	longest := s.SLO.Tiers[0].Long
	events, _, err := s.value(ctx, fmt.Sprintf("sum(increase(%s[%s]))", s.SLO.Total, longest))
	if err != nil {
		return err
	}
	bad, _, err := s.recorded(ctx, slo.EventsBad(longest))
	if err != nil {
		return err
	}
	// Each recorded sample stands for one step: as many steps have a sample as there has been traffic to count.
	const step = 10 * time.Second
	steps, _, err := s.value(ctx, fmt.Sprintf("count_over_time(%s{%s=%q}[%s:%s])",
		slo.EventsTotal(slo.Window5m), slo.LabelSLO, s.SLO.Name, longest, model.Duration(step)))
	if err != nil {
		return err
	}
	history := time.Duration(steps) * step
	e := Expectation{History: history.Seconds(), BadBefore: bad, During: during}
	if history > 0 {
		e.Before = events / history.Seconds()
	}
	for _, d := range s.SLO.Detect(slo.Outage{ErrorRatio: 1, Before: e.Before, During: e.During, History: history}) {
		if seconds := d.After.Seconds(); d.Tier.Severity == slo.SeverityPage && (e.Detection == 0 || seconds < e.Detection) {
			e.Detection = seconds
		}
	}
	for _, d := range s.SLO.Detect(slo.Outage{ErrorRatio: 1}) {
		if seconds := d.After.Seconds(); d.Tier.Severity == slo.SeverityPage && (e.Textbook == 0 || seconds < e.Textbook) {
			e.Textbook = seconds
		}
	}
	if e.Scrape, e.Evaluate, err = s.intervals(ctx); err != nil {
		return err
	}
	e.GroupWait = s.GroupWait.Seconds()
	s.report.Expected = e
	return nil
}

// String says the expectation in words.
func (e Expectation) String() string {
	text := fmt.Sprintf("%.1f requests/s over the last %s, %.1f/s during the outage: both windows burn after %.1f s "+
		"(%.0f s at constant traffic).\nThe page should come within %.0f s: at most %.0f s of scrape, %.0f s of evaluation, %.0f s of group wait.",
		e.Before, time.Duration(e.History*float64(time.Second)).Round(time.Second), e.During, e.Detection, e.Textbook,
		e.Latest(), e.Scrape, e.Evaluate, e.GroupWait)
	if e.BadBefore >= 1 {
		text += fmt.Sprintf("\nIt will come sooner: the long window still holds %.0f errors from before.", e.BadBefore)
	}
	return text
}

// intervals reads from Prometheus how often it scrapes and evaluates, in seconds.
func (s *stage) intervals(ctx context.Context) (scrape, evaluation float64, err error) {
	var answer struct {
		Data struct {
			YAML string `json:"yaml"`
		} `json:"data"`
	}
	if err := s.call(ctx, http.MethodGet, s.PrometheusURL, "/api/v1/status/config", nil, &answer); err != nil {
		return 0, 0, fmt.Errorf("ask Prometheus for its configuration: %w", err)
	}
	var config struct {
		Global struct {
			Scrape     model.Duration `yaml:"scrape_interval"`
			Evaluation model.Duration `yaml:"evaluation_interval"`
		} `yaml:"global"`
	}
	if err := yaml.Unmarshal([]byte(answer.Data.YAML), &config); err != nil {
		return 0, 0, fmt.Errorf("read Prometheus's configuration: %w", err)
	}
	return time.Duration(config.Global.Scrape).Seconds(), time.Duration(config.Global.Evaluation).Seconds(), nil
}
