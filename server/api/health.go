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
	Breaker    string  `json:"breaker,omitempty" enum:"closed,half_open,open" doc:"State of the circuit breaker before it, where there is one."`
	DurationMS float64 `json:"duration_ms" example:"0.42" doc:"How long the check took."`
	Problem    string  `json:"problem,omitempty" example:"it does not answer" doc:"What is wrong."`
}

type aliveAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Status string `json:"status" enum:"alive"`
	}
}

type readyAnswer struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         readyBody
}

type readyBody struct {
	Status   string            `json:"status" enum:"ready,unready,draining" example:"ready"`
	Checks   map[string]string `json:"checks" example:"{\"database\":\"up\",\"payments\":\"down\"}" doc:"Each dependency by name, up or down. Some the service can do without: payments are down while their circuit breaker is open, and orders are taken."`
	Breakers map[string]string `json:"breakers,omitempty" example:"{\"payments\":\"open\"}" doc:"State of each circuit breaker by the name of its dependency: closed (calls are made), half_open (a few are tried) or open (none is made)."`
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
		func(context.Context, *struct{}) (*aliveAnswer, error) {
			answer := &aliveAnswer{CacheControl: "no-store"}
			answer.Body.Status = "alive"
			return answer, nil
		})
	huma.Register(api, healthOperation("get-ready", readyPath, "Whether to send requests here"),
		func(ctx context.Context, _ *struct{}) (*readyAnswer, error) {
			return describeReadiness(o.Health.Draining(), o.Health.Report(ctx)), nil
		})
}

func describeReadiness(draining bool, report health.Report) *readyAnswer {
	answer := &readyAnswer{Status: http.StatusServiceUnavailable, CacheControl: "no-store"}
	answer.Body = readyBody{Status: "unready", Checks: map[string]string{}, Breakers: map[string]string{}}
	for name, result := range report.Results {
		answer.Body.Checks[name] = word(result)
		if result.Breaker != "" {
			answer.Body.Breakers[name] = result.Breaker
		}
	}
	switch {
	case draining:
		answer.Body.Status = "draining"
	case report.Healthy():
		answer.Status, answer.Body.Status = http.StatusOK, "ready"
	}
	return answer
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
		answer.Body.Checks[name] = healthCheck{
			Status: word(result), Required: result.Required, Problem: result.Problem, Breaker: result.Breaker,
			DurationMS: float64(result.Duration.Microseconds()) / 1e3, //nolint:mnd // ms
		}
	}
	return answer
}

func word(result health.Result) string {
	if result.Up {
		return "up"
	}
	return "down"
}
