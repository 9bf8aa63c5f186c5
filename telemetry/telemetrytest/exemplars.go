package telemetrytest

import (
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

var (
	exemplarTrace = regexp.MustCompile(`# \{.*trace_id="([0-9a-f]{32})"`)
	exemplarSpan  = regexp.MustCompile(`# \{.*span_id="([0-9a-f]{16})"`)
)

// RequireExemplars wants series to have exemplars, and each of them to lead to a span that arrives and that says so itself,
// or else it might not be kept. metrics serves the metrics; series is how their lines begin.
func (c *Collector) RequireExemplars(metrics http.Handler, series string) {
	c.tb.Helper()
	request := httptest.NewRequestWithContext(c.tb.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", "application/openmetrics-text")
	page := httptest.NewRecorder()
	metrics.ServeHTTP(page, request)
	found := 0
	for line := range strings.Lines(page.Body.String()) {
		trace, ofTrace := exemplarTrace.FindStringSubmatch(line), exemplarSpan.FindStringSubmatch(line)
		if trace == nil || ofTrace == nil || !strings.HasPrefix(line, series) {
			continue
		}
		found++
		var span *tracepb.Span
		require.Eventually(c.tb, func() bool {
			span = c.find(trace[1], ofTrace[1])
			return span != nil
		}, 20*time.Second, 5*time.Millisecond, "the span should arrive that this leads to: %s", line)
		require.Equal(c.tb, "bool_value:true", Attribute(span, "exemplar"), "the collector must keep the span that this leads to: %s", line)
	}
	require.Positive(c.tb, found, "%s should have an exemplar", series)
}

func (c *Collector) find(traceID, spanID string) *tracepb.Span {
	for _, span := range c.Spans() {
		if hex.EncodeToString(span.GetTraceId()) == traceID && hex.EncodeToString(span.GetSpanId()) == spanID {
			return span
		}
	}
	return nil
}
