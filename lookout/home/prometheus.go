package home

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// prometheusSource asks Prometheus.
type prometheusSource struct {
	api  promv1.API
	base string
}

func newPrometheusSource(base string, client *http.Client) (*prometheusSource, error) {
	c, err := api.NewClient(api.Config{Address: base, Client: client})
	if err != nil {
		return nil, fmt.Errorf("home page: Prometheus URL %q: %w", base, err)
	}
	return &prometheusSource{api: promv1.NewAPI(c), base: base}, nil
}

// instant evaluates a query that gives a vector.
func (p *prometheusSource) instant(ctx context.Context, query string, at time.Time) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	value, _, err := p.api.Query(ctx, query, at)
	if err != nil {
		return nil, unreachable("Prometheus", p.base, err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("Prometheus at %s answers %s with a %s, not a vector", p.base, query, value.Type()) //nolint:staticcheck // a name
	}
	return vector, nil
}

// point is a value at a time; NaN marks a gap.
type point struct {
	at    time.Time
	value float64
}

// over evaluates a query that gives at most one series over [from, to].
func (p *prometheusSource) over(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]point, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	value, _, err := p.api.QueryRange(ctx, query, promv1.Range{Start: from, End: to, Step: step})
	if err != nil {
		return nil, unreachable("Prometheus", p.base, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok || len(matrix) == 0 {
		return nil, nil
	}
	points := make([]point, len(matrix[0].Values))
	for i, sample := range matrix[0].Values {
		points[i] = point{at: sample.Timestamp.Time(), value: float64(sample.Value)}
	}
	return points, nil
}

// exemplar is one measured request whose trace is kept.
type exemplar struct {
	at      time.Time
	value   float64
	traceID string
}

// exemplars returns the slowest exemplar of each part of [from, to], at most parts of them.
func (p *prometheusSource) exemplars(ctx context.Context, query string, from, to time.Time, parts int) ([]exemplar, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	results, err := p.api.QueryExemplars(ctx, query, from, to)
	if err != nil {
		return nil, unreachable("Prometheus", p.base, err)
	}
	slowest := map[int]exemplar{}
	for _, result := range results {
		for _, e := range result.Exemplars {
			x := exemplar{at: e.Timestamp.Time(), value: float64(e.Value), traceID: string(e.Labels["trace_id"])}
			if !traceIDPattern.MatchString(x.traceID) || math.IsNaN(x.value) || x.at.Before(from) || x.at.After(to) {
				continue
			}
			part := int(float64(parts) * float64(x.at.Sub(from)) / float64(to.Sub(from)+1))
			if known, ok := slowest[part]; !ok || x.value > known.value {
				slowest[part] = x
			}
		}
	}
	chosen := make([]exemplar, 0, len(slowest))
	for _, x := range slowest {
		chosen = append(chosen, x)
	}
	slices.SortFunc(chosen, func(a, b exemplar) int { return a.at.Compare(b.at) })
	return chosen, nil
}

// components reads from Prometheus's own scrapes which components run.
func (p *prometheusSource) components(ctx context.Context, at time.Time) ([]stack.Component, error) {
	vector, err := p.instant(ctx, "up", at)
	if err != nil {
		return nil, err
	}
	components := make([]stack.Component, 0, len(vector))
	for _, sample := range vector {
		if sample.Metric["job"] == "blackbox" && sample.Metric["probe"] != "" {
			continue // what it probes is no component
		}
		c := stack.Component{
			Name: string(sample.Metric["job"]), Endpoint: string(sample.Metric["instance"]), State: stack.Ready,
		}
		if sample.Value != 1 {
			c.State, c.Detail = stack.Failed, "Prometheus cannot scrape it"
		}
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b stack.Component) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return components, nil
}

// apiRoutes selects what the availability SLO counts: the API, without health checks and unmatched paths.
var apiRoutes = catalogue.HTTPRoute.Name + `=~"/api/v1/.+"`

// The queries of the plots. Ranges of one minute hold at least four scrapes of 15 s.
var (
	requestsQuery = fmt.Sprintf(`sum(rate(%s{%s}[1m]))`,
		catalogue.HTTPServerRequestDuration.Count(), apiRoutes)
	// Without the vector(0) a service that never answered 5xx would have no error ratio instead of one of 0.
	errorsQuery = fmt.Sprintf(`(sum(rate(%[1]s{%[2]s,%[3]s=~"5.."}[1m])) or vector(0)) / sum(rate(%[1]s{%[2]s}[1m]))`,
		catalogue.HTTPServerRequestDuration.Count(), apiRoutes, catalogue.HTTPStatus.Name)
	exemplarQuery = fmt.Sprintf(`%s{%s}`, catalogue.HTTPServerRequestDuration.Bucket(), apiRoutes)
)

func latencyQuery(quantile float64) string {
	return fmt.Sprintf(`histogram_quantile(%g, sum by (le) (rate(%s{%s}[1m])))`,
		quantile, catalogue.HTTPServerRequestDuration.Bucket(), apiRoutes)
}
