package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// mustHaveAllOn fails unless a request is counted towards a limit, logged, traced to the collector, and an exemplar of a
// metric: a server without one of these would be measured too fast.
func (m *measured) mustHaveAllOn(ctx context.Context) error {
	const patience, interval = 20 * time.Second, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		missing, err := m.missing()
		if err != nil || len(missing) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server is to have all on, and lacks %s: %w", strings.Join(missing, ", "), ctx.Err())
		case <-time.After(interval): // spans and lines are written in batches
		}
	}
}

// counted is the metric of a request that was counted towards a limit and stayed below it.
var counted = regexp.MustCompile(`(?m)^` + catalogue.RateLimitDecisions.Name + `\{[^}]*="` + catalogue.LimitAllowed + `"[^}]*\} [1-9]`)

// missing sends a request, and says what of it cannot be seen yet.
func (m *measured) missing() (what []string, err error) {
	if _, err := get(m.server.url + productsPath); err != nil {
		return nil, err
	}
	log, err := os.ReadFile(m.server.log)
	if err != nil {
		return nil, err
	}
	metrics, err := get(m.server.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	for _, sign := range []struct {
		name string
		seen bool
	}{
		{"rate limits", counted.Match(metrics)},
		{"access log", bytes.Contains(log, []byte(`"msg":"request"`))},
		{"traces", m.collector.batches.Load() > 0},
		{"exemplars", bytes.Contains(metrics, []byte(`# {trace_id="`))},
	} {
		if !sign.seen {
			what = append(what, sign.name)
		}
	}
	return what, nil
}

// get reads what is there, as Prometheus reads metrics.
func get(url string) ([]byte, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(url)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1")
	err := fasthttp.Do(request, response)
	if err == nil && response.StatusCode() != fasthttp.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", url, response.StatusCode(), response.Body())
	}
	return bytes.Clone(response.Body()), err
}
