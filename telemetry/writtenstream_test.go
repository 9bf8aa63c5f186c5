package telemetry_test

import (
	"bufio"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry"
)

// The matrix has the streams that fail while somebody reads them.
func TestAStreamThatPanicsWhenItsClientHasGoneIsLoggedWithItsTrace(t *testing.T) {
	var s *service
	gone := make(chan struct{})
	s = startService(t, nil, func(app *fiber.App) {
		app.Get("/feed", func(c *fiber.Ctx) error {
			s.tel.Stream(c, func(w *bufio.Writer) error {
				for w.Flush() == nil { // until it has gone
					_, _ = w.WriteString("more and more ")
				}
				<-gone
				panic("the cart burns")
			})
			return nil
		})
	})
	s.provoke(ending{raw: get("/feed"), converse: leaveStream})
	request := s.lines("request")[0]
	require.Equal(t, "canceled", request["error.type"])
	close(gone)
	line := s.lines("a stream failed that nobody reads")[0]
	require.Equal(t, "panic: the cart burns", line["error"])
	require.Contains(t, line["stack"], "writtenstream_test.go")
	require.Equal(t, request["trace_id"], line["trace_id"])
	require.Len(t, s.collector.WaitForSpans(1), 1)
}

func TestAStreamThatPanicsWithTelemetryOffIsLogged(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Off = true })
	s.provoke(ending{raw: get("/stalls", "X-Outcome: panicking-stream of a writer"), status: 200, cut: true})
	require.Equal(t, "panic: the cart burns", s.lines("a stream failed that nobody reads")[0]["error"])
}
