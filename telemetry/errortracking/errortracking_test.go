package errortracking_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/errortracking"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// service is a service whose failures go to a fake of Sentry.
type service struct {
	t       *testing.T
	tel     *telemetry.Telemetry
	tracker *errortracking.Tracker
	sentry  *telemetrytest.Sentry
	logs    *testlog.Buffer
}

func start(t *testing.T, adjust func(*errortracking.Config)) *service {
	t.Helper()
	s := &service{t: t, sentry: telemetrytest.NewSentry(t), logs: &testlog.Buffer{}}
	var err error
	s.tel, err = telemetry.Start(telemetry.Config{Service: "test", SampleRatio: 1, Logs: s.logs})
	require.NoError(t, err)
	config := errortracking.Config{DSN: s.sentry.DSN, Release: "v1.2.3", Environment: "staging"}
	if adjust != nil {
		adjust(&config)
	}
	s.tracker, err = errortracking.Start(config, s.tel)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		_ = s.tracker.Shutdown(ctx)
		_ = s.tel.Shutdown(ctx)
	})
	return s
}

func (s *service) job(n int) {
	s.tel.ReportError(s.t.Context(), telemetry.ErrorEvent{
		Category: catalogue.ErrorInternal, Job: fmt.Sprintf("job-%d", n), Err: errors.New("the plough is stuck"),
	})
}

func (s *service) counts(outcome string) float64 {
	s.t.Helper()
	recorder := httptest.NewRecorder()
	s.tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(recorder.Body)
	require.NoError(s.t, err)
	for _, m := range families["telemetry_error_events_total"].GetMetric() {
		if m.GetLabel()[0].GetValue() == outcome {
			return m.GetCounter().GetValue()
		}
	}
	require.Fail(s.t, "no such outcome", outcome)
	return 0
}

func (s *service) waitForCount(outcome string, n float64) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.counts(outcome) == n }, 20*time.Second, 5*time.Millisecond,
		"%v events should be %s", n, outcome)
}

func TestAFailureIsReportedWithWhatOneNeedsToLookIntoIt(t *testing.T) {
	s := start(t, nil)
	ctx, span := s.tel.TracerProvider().Tracer("test").Start(t.Context(), "job")
	s.tel.ReportError(ctx, telemetry.ErrorEvent{
		Category: catalogue.ErrorDependency, Job: "expire-holds", Err: fmt.Errorf("expire holds: %w", errors.New("password=hunter2 is wrong for jane@example.org")),
	})
	event := s.sentry.WaitForEvents(1)[0]
	require.Equal(t, "v1.2.3", event.Release)
	require.Equal(t, "staging", event.Environment)
	require.Equal(t, "error", event.Level)
	require.Equal(t, "job expire-holds", event.Transaction)
	require.Equal(t, []string{"dependency", "job expire-holds"}, event.Fingerprint)
	require.Equal(t, map[string]string{"category": "dependency", "job": "expire-holds"}, event.Tags)
	require.Equal(t, "dependency", event.Exception[0].Type)
	require.Equal(t, "expire holds: password=REDACTED is wrong for REDACTED", event.Exception[0].Value)
	require.Equal(t, span.SpanContext().TraceID().String(), event.Contexts["trace"]["trace_id"])
	require.Equal(t, span.SpanContext().SpanID().String(), event.Contexts["trace"]["span_id"])
	require.Empty(t, event.User)
	require.Empty(t, event.Request)
	require.NotContains(t, s.sentry.Received(), "hunter2")
	s.waitForCount(catalogue.ErrorEventSent, 1)
}

func TestOnlyRequestsThatFailThroughAFaultOfOursAreReported(t *testing.T) {
	for name, c := range map[string]struct {
		handler  fiber.Handler
		reported string // category; empty: not at all
		level    string
	}{
		"a success":            {func(c *fiber.Ctx) error { return c.SendString("ok") }, "", ""},
		"a mistake of clients": {func(*fiber.Ctx) error { return fiber.ErrUnprocessableEntity }, "", ""},
		"an error":             {func(*fiber.Ctx) error { return errors.New("stuck") }, catalogue.ErrorInternal, "error"},
		"an answer with a 5xx": {func(c *fiber.Ctx) error { return c.SendStatus(503) }, catalogue.ErrorDependency, "error"},
		"a panic":              {func(*fiber.Ctx) error { panic("bolted with password=hunter2") }, catalogue.ErrorInternal, "fatal"},
		"a named cause": {func(c *fiber.Ctx) error {
			telemetry.Fail(c.UserContext(), catalogue.ErrorTimeout, errors.New("slow"))
			return fiber.ErrGatewayTimeout
		}, catalogue.ErrorTimeout, "error"},
		"a client that went away": {func(c *fiber.Ctx) error {
			telemetry.Fail(c.UserContext(), catalogue.ErrorCanceled, context.Canceled)
			return fiber.ErrServiceUnavailable
		}, "", ""},
		"a deliberate fault": {func(c *fiber.Ctx) error {
			telemetry.MarkInjected(c.UserContext(), "error", true)
			return fiber.ErrInternalServerError
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil)
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			s.tel.Use(app)
			app.Get("/farms/:id", c.handler)
			s.tel.Instrument(app)
			request := httptest.NewRequest(http.MethodGet, "/farms/7?token=hunter2", strings.NewReader("hunter2"))
			request.Header.Set("Authorization", "Bearer hunter2")
			response, err := app.Test(request, -1)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, s.tracker.Shutdown(ctx))
			require.NoError(t, s.tel.Shutdown(ctx))
			require.NotContains(t, s.logs.String(), "hunter2")
			if c.reported == "" {
				require.Empty(t, s.sentry.Events())
				return
			}
			require.Len(t, s.sentry.Events(), 1)
			event := s.sentry.Events()[0]
			require.Equal(t, []string{c.reported, "GET /farms/{id}"}, event.Fingerprint)
			require.Equal(t, "GET /farms/{id}", event.Tags["route"])
			require.Equal(t, fmt.Sprint(response.StatusCode), event.Tags["status"])
			require.Equal(t, c.level, event.Level)
			require.NotContains(t, s.sentry.Received(), "hunter2", "nothing of the request")
			if c.level == "fatal" {
				frames := event.Exception[0].Stacktrace.Frames
				require.Contains(t, frames[len(frames)-1].Function, "TestOnlyRequests", "the stack ends where it panicked")
			}
		})
	}
}

func TestManyOfAKindAreReportedOnce(t *testing.T) {
	s := start(t, nil)
	const failures = 1000
	for range failures {
		s.job(1)
	}
	s.job(2)
	s.sentry.WaitForEvents(2)
	s.waitForCount(catalogue.ErrorEventSuppressed, failures-1)
	s.waitForCount(catalogue.ErrorEventSent, 2)
}

func TestAnOutageOfManyKindsFloodsNobody(t *testing.T) {
	s := start(t, nil)
	const failures = 500
	for i := range failures {
		s.job(i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.tracker.Shutdown(ctx))
	sent := s.counts(catalogue.ErrorEventSent)
	require.GreaterOrEqual(t, sent, 20.0)
	require.Less(t, sent, 60.0, "as many at once as are allowed, and one for each second since")
	require.InDelta(t, failures, sent+s.counts(catalogue.ErrorEventSuppressed), 0)
}

func TestATrackerThatDoesNotTakeEventsIsLeftInPeace(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(http.ResponseWriter)
		outcome  string
		requests int // of three events
	}{
		"it asks for a pause": {func(w http.ResponseWriter) {
			w.Header().Set("X-Sentry-Rate-Limits", "3600:error;default:organization")
			w.WriteHeader(http.StatusTooManyRequests)
		}, catalogue.ErrorEventLimited, 1},
		"it asks for a pause by Retry-After": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, catalogue.ErrorEventLimited, 1},
		"the event is too large": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestEntityTooLarge) }, catalogue.ErrorEventRejected, 3},
		"the key is wrong":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, catalogue.ErrorEventRejected, 3},
		"it fails":               {func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, catalogue.ErrorEventUnavailable, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil)
			s.sentry.Answer(c.answer)
			for n := range 3 {
				s.job(n)
			}
			s.waitForCount(c.outcome, 3)
			require.Equal(t, c.requests, s.sentry.Requests())
			require.Empty(t, s.sentry.Events())
			require.Eventually(t, func() bool { return s.logs.String() != "" }, 20*time.Second, time.Millisecond)
			require.Equal(t, 1, strings.Count(s.logs.String(), "does not take events"), "one line, not a flood")
			require.NotContains(t, s.logs.String(), "0123456789abcdef", "without its key")
		})
	}
}

func TestATrackerThatIsBackIsUsedAgain(t *testing.T) {
	s := start(t, nil)
	s.sentry.Answer(func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	s.job(1)
	s.waitForCount(catalogue.ErrorEventUnavailable, 1)
	s.sentry.Answer(nil)
	s.job(2)
	s.sentry.WaitForEvents(1)
	require.Eventually(t, func() bool { return strings.Contains(s.logs.String(), "takes events again") }, 20*time.Second, time.Millisecond)
}

func TestNobodyWaitsForATrackerThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	s := start(t, func(c *errortracking.Config) { c.Queue = 2 })
	s.sentry.Answer(func(http.ResponseWriter) { <-release })
	defer close(release)
	const failures = 10
	for n := range failures {
		s.job(n)
	}
	full := s.counts(catalogue.ErrorEventQueueFull)
	require.GreaterOrEqual(t, full, 7.0, "two wait and one is on its way")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.tracker.Shutdown(ctx), "not sent")
	require.InDelta(t, failures, full+s.counts(catalogue.ErrorEventUnsent)+s.counts(catalogue.ErrorEventUnavailable), 0, "each is counted")
	unsent := s.counts(catalogue.ErrorEventUnsent)
	s.job(failures)
	require.InDelta(t, unsent+1, s.counts(catalogue.ErrorEventUnsent), 0, "also what comes later")
}

func TestWhatIsQueuedArrivesBeforeTheEnd(t *testing.T) {
	s := start(t, nil)
	const failures = 10
	for n := range failures {
		s.job(n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.tracker.Shutdown(ctx))
	require.Len(t, s.sentry.Events(), failures)
}

func TestADSNThatCannotBeRightIsRefusedAndNotRepeated(t *testing.T) {
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: &testlog.Buffer{}})
	require.NoError(t, err)
	_, err = errortracking.Start(errortracking.Config{DSN: "https://hunter2@/"}, tel)
	require.ErrorContains(t, err, "https://KEY@HOST/PROJECT")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestATrackerLeavesNoGoroutineBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: &testlog.Buffer{}})
	require.NoError(t, err)
	tracker, err := errortracking.Start(errortracking.Config{DSN: "http://key@127.0.0.1:1/42"}, tel)
	require.NoError(t, err)
	tel.ReportError(trace.ContextWithSpanContext(t.Context(), trace.SpanContext{}), telemetry.ErrorEvent{Category: "internal", Job: "x"})
	require.NoError(t, tracker.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
	goleak.VerifyNone(t, before)
}
