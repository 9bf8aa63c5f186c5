package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestAProfileTakenUnderLoadSaysWhichTraceTheWorkWasFor(t *testing.T) {
	s := startService(t, nil, func(app *fiber.App) {
		app.Get("/harvest", func(c *fiber.Ctx) error {
			for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); { //nolint:revive // it works
			}
			return c.SendString("done")
		})
	})
	taken := make(chan *profile.Profile)
	go func() {
		recorder := httptest.NewRecorder()
		s.tel.ProfileHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/debug/pprof/profile?seconds=2", http.NoBody))
		p, err := profile.Parse(recorder.Body)
		if err != nil {
			t.Error(err)
		}
		taken <- p
	}()
	var p *profile.Profile
	for p == nil {
		s.send(get("/harvest"))
		select {
		case p = <-taken:
		default:
		}
	}
	labelled := map[string]bool{}
	for _, sample := range p.Sample {
		for _, id := range sample.Label["trace_id"] {
			labelled[id] = true
		}
	}
	require.NotEmpty(t, labelled)
	known := map[string]bool{}
	for _, span := range s.collector.WaitForSpans(len(labelled)) {
		require.Equal(t, "GET /harvest", span.GetName())
		require.NotEmpty(t, telemetrytest.Attribute(span, "http.route"))
		known[fmt.Sprintf("%x", span.GetTraceId())] = true
	}
	for id := range labelled {
		require.Eventually(t, func() bool {
			for _, span := range s.collector.Spans() {
				known[fmt.Sprintf("%x", span.GetTraceId())] = true
			}
			return known[id]
		}, 10*time.Second, time.Millisecond, "%s is a trace of ours", id)
	}
}
