package probe

import (
	"encoding/hex"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// leavesATrace looks at the spans of a run that goes through, and of one that does not.
func leavesATrace(t *testing.T, s *stage) {
	declined := answers(is("POST", "/api/v1/orders/"+anID+"/pay"), http.StatusPaymentRequired, "application/problem+json", `{"status":402}`)
	for sentence, c := range map[string]struct {
		spoil func(http.ResponseWriter, *http.Request, http.Handler) bool
		steps []string
		fails []string
	}{
		"goes through": {steps: catalogue.ProbeSteps()[:9]},
		"fails": {
			spoil: declined, steps: []string{"sandbox", "login", "tidy", "days", "offerings", "place", "pay", "clean-up"},
			fails: []string{"scripted order pay", "scripted order"},
		},
	} {
		t.Run("of one that "+sentence, func(t *testing.T) {
			s.breaks(nil)
			collector := telemetrytest.NewCollector(t)
			config := s.config(t)
			config.OTLPEndpoint, config.OTLPInsecure = collector.Addr, true
			s.breaks(c.spoil)
			result := s.order(t, config) // to its end, with which all that is left is sent
			s.contract.SeeSpans(collector.ResourceSpans())

			named, failed := map[string]*tracepb.Span{}, []string(nil)
			for _, span := range collector.Spans() {
				require.Equal(t, result.TraceID, hex.EncodeToString(span.GetTraceId()), "one trace")
				if span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR && span.GetKind() == tracepb.Span_SPAN_KIND_INTERNAL {
					failed = append(failed, span.GetName())
				}
				named[hex.EncodeToString(span.GetSpanId())] = span
			}
			root := collector.Spans()[slices.IndexFunc(collector.Spans(), func(s *tracepb.Span) bool { return len(s.GetParentSpanId()) == 0 })]
			require.Equal(t, "scripted order", root.GetName())
			var steps []string
			for _, span := range collector.Spans() {
				switch parent := named[hex.EncodeToString(span.GetParentSpanId())]; {
				case span == root:
				case span.GetKind() == tracepb.Span_SPAN_KIND_CLIENT:
					require.NotEmpty(t, telemetrytest.Attribute(parent, "probe.step"), "a request is part of a step")
				default:
					require.Equal(t, root, parent)
					steps = append(steps, telemetrytest.Attribute(span, "probe.step"))
				}
			}
			require.Equal(t, c.steps, steps)
			require.ElementsMatch(t, c.fails, failed)
		})
	}
}
