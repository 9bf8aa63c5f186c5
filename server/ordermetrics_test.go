package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
)

func TestWhatAProbeOrdersIsLeftOutOnlyWherePaymentsAreTheSandboxs(t *testing.T) {
	for sentence, c := range map[string]struct {
		key     string
		sandbox bool
		counted string
	}{
		"a probe's order in the sandbox":              {"synthetic-1", true, "0"},
		"a customer's order in the sandbox":           {"basket-1", true, "1"},
		"a customer's order for real money":           {"basket-1", false, "1"},
		"an order for real money with a probe's mark": {"synthetic-1", false, "1"},
	} {
		t.Run(sentence, func(t *testing.T) {
			var logs bytes.Buffer
			tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: &logs})
			require.NoError(t, err)
			m := newOrderMetrics(tel, c.sandbox)
			price := market.Money{Amount: 100, Currency: market.EUR}
			m.OrderBecame(market.Order{IdempotencyKey: c.key, State: market.OrderPaid, Total: price})
			m.PaymentBecame(t.Context(), market.Payment{IdempotencyKey: c.key, State: market.PaymentRefundFailed, Amount: price})

			page := httptest.NewRecorder()
			tel.MetricsHandler().ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
			require.Contains(t, page.Body.String(), `market_orders_total{state="paid"} `+c.counted)
			require.Contains(t, page.Body.String(), `market_payments_total{state="refund_failed"} `+c.counted)
			require.Equal(t, 1, strings.Count(logs.String(), "a refund has failed"), "whoever paid, somebody has to see to it")
		})
	}
}
