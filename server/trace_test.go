package main_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestATraceGoesThroughThePaymentAndComesBackWithItsEvent(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		const traceID, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
		collector := telemetrytest.NewCollector(t)
		c := newPayingTest(t, url)
		p := start(t, append(c.settings(), "OTLP_ENDPOINT="+collector.Addr, "TRACE_SAMPLE_RATIO=1", "SLOW_QUERY=1ns")...)
		c.logIn(p)
		order := c.buy(p)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.api+"/api/v1/orders/"+order+"/pay",
			strings.NewReader(`{"method":"sandbox_processing"}`))
		require.NoError(t, err)
		for name, value := range map[string]string{
			"Authorization": "Bearer " + c.tokens[0], "Idempotency-Key": uuid.NewString(), "Content-Type": "application/json",
			"traceparent": "00-" + traceID + "-" + caller + "-01",
		} {
			request.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
		c.becomes(p, order, "paid")

		const event = "POST /api/v1/payments/webhook/{provider}"
		byName := map[string]*tracepb.Span{}
		require.Eventually(t, func() bool {
			for _, span := range collector.Spans() {
				if hex.EncodeToString(span.GetTraceId()) == traceID {
					byName[span.GetName()] = span
				}
			}
			return byName[event] != nil && byName["POST"] != nil && byName["POST /api/v1/orders/{id}/pay"] != nil
		}, patience, 10*time.Millisecond, "there are %v", byName)
		require.Equal(t, caller, hex.EncodeToString(byName["POST /api/v1/orders/{id}/pay"].GetParentSpanId()))
		require.Equal(t, byName["POST"].GetSpanId(), byName[event].GetParentSpanId(), "the event's request is the delivery's")
		require.NotNil(t, byName["transaction"])
		require.NotNil(t, byName["payments create_intent"])

		line := p.waitForLine("slow statement")
		require.NotContains(t, line["db.query.text"], order)
		for _, series := range []string{
			`market_payments_total{state="created"} 1`, `market_payments_total{state="succeeded"} 1`,
			`market_order_lines_count 1`, `market_orders_total{state="paid"} 1`,
			`http_client_request_duration_seconds_count{error_type="",http_request_method="POST",http_response_status_code="200",server_address="127.0.0.1"}`,
			`db_client_connection_create_time_seconds_count`, `db_client_connection_waits_total`, `db_client_slow_statements_total`,
		} {
			require.Eventually(t, func() bool {
				_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
				return strings.Contains(metrics, series)
			}, patience, 10*time.Millisecond, series)
		}
		require.Zero(t, p.stop(syscall.SIGTERM))
	})
}
