package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

var anExemplar = regexp.MustCompile(`(?m)^market_job_duration_seconds_bucket\{.*,le="([^"]*)"} \d+ # \{.*span_id="([0-9a-f]{16})"`)

// exemplarsOf returns the ids of the spans that buckets of the job histogram point to, by their upper bounds.
func exemplarsOf(tel *telemetry.Telemetry) map[string]string {
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", "application/openmetrics-text")
	page := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(page, request)
	found := map[string]string{}
	for _, line := range anExemplar.FindAllStringSubmatch(page.Body.String(), -1) {
		found[line[1]] = line[2]
	}
	return found
}

func startWithRatio(t *testing.T, ratio float64) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard, SampleRatio: ratio})
	require.NoError(t, err)
	return tel
}

func TestWhatIsMeasuredInASpanThatIsNotRecordedIsNoExemplar(t *testing.T) {
	for name, c := range map[string]struct {
		span     func(*telemetry.Telemetry) trace.Span
		ratio    float64
		exemplar bool
	}{
		"a recorded span":    {spanOf, 1, true},
		"one that is not":    {spanOf, 0, false},
		"no span at all":     {func(*telemetry.Telemetry) trace.Span { return trace.SpanFromContext(t.Context()) }, 1, false},
		"one that has ended": {func(t *telemetry.Telemetry) trace.Span { s := spanOf(t); s.End(); return s }, 1, false},
		"one of someone else's": {func(tel *telemetry.Telemetry) trace.Span {
			return trace.SpanFromContext(trace.ContextWithRemoteSpanContext(t.Context(), spanOf(tel).SpanContext()))
		}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			tel := startWithRatio(t, c.ratio)
			tel.Metrics.TracedHistogram(catalogue.JobDuration).WithLabelValues("audit", "").Observe(c.span(tel), 0.5)
			require.Equal(t, c.exemplar, len(exemplarsOf(tel)) == 1)
			require.Equal(t, 1, samplesOf(t, tel, "market_job_duration_seconds", map[string]string{"job_name": "audit", "error_type": ""}))
		})
	}
}

func spanOf(tel *telemetry.Telemetry) trace.Span {
	_, span := tel.TracerProvider().Tracer("test").Start(context.Background(), "job")
	return span
}

func TestABucketTakesAnExemplarASecond(t *testing.T) {
	tel := startWithRatio(t, 1)
	histogram := tel.Metrics.TracedHistogram(catalogue.JobDuration)
	observe := func(seconds float64) (spanID string) {
		span := spanOf(tel)
		histogram.WithLabelValues("audit", "").Observe(span, seconds)
		return span.SpanContext().SpanID().String()
	}
	synctest.Test(t, func(t *testing.T) {
		first := observe(0.1) // a bound belongs to its bucket
		observe(0.05)
		other := observe(0.5)
		require.Equal(t, map[string]string{"0.1": first, "1.0": other}, exemplarsOf(tel))
		time.Sleep(time.Second)
		next := observe(0.05)
		beyond := observe(100)
		require.Equal(t, map[string]string{"0.1": next, "1.0": other, "+Inf": beyond}, exemplarsOf(tel))
	})
}
