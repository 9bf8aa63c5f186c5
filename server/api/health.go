package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/health"
)

type healthAnswer struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         healthBody
}

type healthBody struct {
	Status      string                 `json:"status" enum:"healthy,unhealthy" doc:"unhealthy when a required check fails."`
	Timestamp   time.Time              `json:"timestamp" example:"2026-11-22T10:30:00Z" doc:"When the checks ran."`
	Version     string                 `json:"version" example:"1.4.0"`
	Environment string                 `json:"environment" example:"production"`
	Checks      map[string]healthCheck `json:"checks" doc:"Each dependency by name."`
}

type healthCheck struct {
	Status     string  `json:"status" enum:"up,down"`
	Required   bool    `json:"required" doc:"Without it the service cannot do its work."`
	DurationMS float64 `json:"duration_ms" example:"0.42" doc:"How long the check took."`
	Problem    string  `json:"problem,omitempty" example:"it does not answer" doc:"What is wrong."`
}

type stateAnswer struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Status string `json:"status" example:"ready"`
	}
}

func state(status int, word string) *stateAnswer {
	answer := &stateAnswer{Status: status, CacheControl: "no-store"}
	answer.Body.Status = word
	return answer
}

const (
	healthPath = "/api/health"
	livePath   = "/api/live"
	readyPath  = "/api/ready"
)

// ProbeRoutes are the routes that orchestrators and load balancers ask all the time.
func ProbeRoutes() []string { return []string{healthPath, livePath, readyPath} }

func registerHealth(api huma.API, o Options) {
	huma.Register(api, healthOperation("get-health", healthPath, "What works and what does not"),
		func(ctx context.Context, _ *struct{}) (*healthAnswer, error) {
			return describeHealth(o, o.Health.Report(ctx)), nil
		})
	huma.Register(api, healthOperation("get-live", livePath, "Whether the process runs"),
		func(context.Context, *struct{}) (*stateAnswer, error) {
			return state(http.StatusOK, "alive"), nil
		})
	huma.Register(api, healthOperation("get-ready", readyPath, "Whether to send requests here"),
		func(ctx context.Context, _ *struct{}) (*stateAnswer, error) {
			switch {
			case o.Health.Draining():
				return state(http.StatusServiceUnavailable, "draining"), nil
			case !o.Health.Report(ctx).Healthy():
				return state(http.StatusServiceUnavailable, "unready"), nil
			}
			return state(http.StatusOK, "ready"), nil
		})
}

func healthOperation(id, path, summary string) huma.Operation {
	return protect(public(), huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"Health"},
		Errors:    []int{http.StatusInternalServerError},
		Responses: map[string]*huma.Response{"503": {Description: "Not now; the body says why"}},
	})
}

func describeHealth(o Options, report health.Report) *healthAnswer {
	answer := &healthAnswer{Status: http.StatusOK, CacheControl: "no-store", Body: healthBody{
		Status: "healthy", Timestamp: report.At.UTC(), Version: o.Version, Environment: o.Environment,
		Checks: map[string]healthCheck{},
	}}
	if !report.Healthy() {
		answer.Status, answer.Body.Status = http.StatusServiceUnavailable, "unhealthy"
	}
	for name, result := range report.Results {
		check := healthCheck{
			Status: "up", Required: result.Required, Problem: result.Problem,
			DurationMS: float64(result.Duration.Microseconds()) / 1e3, //nolint:mnd // ms
		}
		if !result.Up {
			check.Status = "down"
		}
		answer.Body.Checks[name] = check
	}
	return answer
}
