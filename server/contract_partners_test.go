package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// More scenes of the contract test: of those whom the server talks to.

// collectorThatRefuses takes neither spans nor lines, once.
func collectorThatRefuses(t *testing.T, contract *telemetrytest.Contract) {
	o := observe(t, contract)
	o.collector.RefuseNext(nil, status.Error(codes.InvalidArgument, "bad span"))
	o.collector.RefuseNextLogs(nil, status.Error(codes.InvalidArgument, "bad line"))
	o.get("/api/v1/farms")
	o.untilCounted(`otel_sdk_exporter_span_exported_total{error_type="rejected"}`, nothing)
	o.untilCounted(`otel_sdk_exporter_log_exported_total{error_type="rejected"}`, nothing)
	o.end()
}

// errorTrackerInTrouble refuses failures in every way that it can.
func errorTrackerInTrouble(t *testing.T, contract *telemetrytest.Contract) {
	tracker, address := telemetrytest.NewSentry(t), storetest.SQLite(t)
	o := observe(t, contract, "SENTRY_DSN="+tracker.DSN, "DATABASE_URL="+address, "MIGRATE=on", "SEED=on")
	damaged := storetest.Open(t, address, store.Options{})
	for _, table := range []string{"farms", "markets", "market_days"} {
		_, err := damaged.DB().ExecContext(t.Context(), "ALTER TABLE "+table+" RENAME TO mislaid_"+table)
		require.NoError(t, err)
	}
	require.NoError(t, damaged.Close())
	for _, c := range []struct {
		status         int
		outcome, route string // of each kind of failure one is reported
	}{
		{http.StatusBadRequest, "rejected", "farms"},
		{http.StatusOK, "sent", "markets"},
		{http.StatusServiceUnavailable, "unavailable", "products"},
		{http.StatusTooManyRequests, "limited", "market-days"},
	} {
		tracker.Answer(func(w http.ResponseWriter) { w.WriteHeader(c.status) })
		status, body := o.get("/api/v1/" + c.route + "?limit=7")
		require.Equal(t, http.StatusInternalServerError, status, body)
		o.untilCounted(fmt.Sprintf("telemetry_error_events_total{outcome=%q}", c.outcome), nothing)
	}
	o.waitForLine("the error tracker takes events again")
	o.end()
}

// stripeThatIsBusy answers a payment as its method says, each to a server whose breaker is closed. One that is slow is given up by
// the bound on calls, or by that on requests.
func stripeThatIsBusy(t *testing.T, contract *telemetrytest.Contract) {
	for _, scene := range []struct {
		method, call, request string
	}{
		{"pm_409", "600ms", "30s"}, {"pm_429", "600ms", "30s"}, {"pm_slow", "600ms", "30s"}, {"pm_slow", "30s", "600ms"},
	} {
		c := newPayingTest(t, storetest.SQLite(t))
		o := observe(t, contract, append(c.settings(), "PAYMENTS=stripe", "STRIPE_SECRET_KEY=sk_test_1",
			"STRIPE_WEBHOOK_SECRET=whsec_test", "STRIPE_BASE_URL="+stripeOfMethods(t), "PAYMENT_TIMEOUT="+scene.call, "REQUEST_TIMEOUT="+scene.request)...)
		c.logIn(o.process)
		require.Equal(t, http.StatusServiceUnavailable, c.pay(o.process, c.buy(o.process), uuid.NewString(), scene.method))
		o.end()
	}
}

// callsThatTheMarketMakesByItself are those about payments of orders that have ended. The provider fails all of them, each to a
// server whose breaker is closed.
func callsThatTheMarketMakesByItself(t *testing.T, contract *telemetrytest.Contract) {
	for operation, method := range map[string]string{
		"cancel_intent": "sandbox_requires_action", "call_off_intent": "", "get_refund": "sandbox_refund_pending",
	} {
		c := newPayingTest(t, storetest.SQLite(t))
		o := observe(t, contract, append(c.settings(), "PAYMENT_TIMEOUT=500ms", "FAULTS=on")...)
		c.logIn(o.process)
		o.fault("/api/v1/payments/webhook/*", `"error_rate":1`) // no news arrives, so the provider is asked
		if operation == "call_off_intent" {
			o.tellSandbox("timeout") // so that it may have been paid, and nobody knows
		}
		order := c.buy(o.process)
		c.pay(o.process, order, uuid.NewString(), method)
		if operation == "get_refund" {
			c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
			o.untilCounted(`market_payment_provider_call_duration_seconds_count{operation="refund",outcome="ok",provider="sandbox"}`, nothing)
		}
		o.tellSandbox("fail")
		if operation != "get_refund" {
			c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
		}
		o.untilCounted(`market_payment_provider_rejections_total{operation="`+operation+`",provider="sandbox",reason="breaker"}`, func() { c.open(c.endLeases) })
		o.end()
	}
}

// tellSandbox makes every call of it go so, for ten minutes.
func (o *observed) tellSandbox(behaviour string) {
	o.t.Helper()
	status, body := ask(o.t, http.MethodPost, o.admin+"/admin/sandbox", `{"behaviour":"`+behaviour+`","duration":"10m"}`)
	require.Equal(o.t, http.StatusCreated, status, body)
}

// stripeInTrouble answers a payment as its method says, until its breaker opens.
func stripeInTrouble(t *testing.T, contract *telemetrytest.Contract) {
	const secret = "whsec_test"
	c := newPayingTest(t, storetest.SQLite(t))
	o := observe(t, contract, append(c.settings(), "TRACE_SAMPLE_RATIO=1", "PAYMENTS=stripe", "STRIPE_SECRET_KEY=sk_test_1",
		"STRIPE_WEBHOOK_SECRET="+secret, "STRIPE_BASE_URL="+stripeOfMethods(t), "PAYMENT_TIMEOUT=2s")...)
	c.logIn(o.process)
	order := c.buy(o.process)
	c.pay(o.process, order, uuid.NewString(), "pm_processing")
	o.untilCounted(`market_payment_provider_call_duration_seconds_count{operation="get_intent",outcome="ok",provider="stripe"}`, func() { c.open(c.endLeases) })
	c.send(o.process, c.tokens[0], "/api/v1/orders/"+order+"/cancel", "", nil)
	o.untilCounted(`market_payment_provider_call_duration_seconds_count{operation="cancel_intent",outcome="ok",provider="stripe"}`, func() { c.open(c.endLeases) })
	o.deliverEvents(t, secret)

	c.pay(o.process, c.buy(o.process), uuid.NewString(), "pm_gone")
	o.untilCounted(`market_payment_provider_call_duration_seconds_count{operation="get_intent",outcome="not_found",provider="stripe"}`, func() { c.open(c.endLeases) })
	for _, method := range []string{"pm_400", "pm_402", "pm_404", "pm_401", "pm_unreachable"} {
		c.pay(o.process, c.buy(o.process), uuid.NewString(), method)
	}
	o.untilCounted(`market_payment_provider_retries_total{operation="get_intent",provider="stripe"}`, func() { c.open(c.endLeases) })
	o.untilCounted(`market_payment_provider_rejections_total{operation="get_intent",provider="stripe",reason="breaker"}`, func() { c.open(c.endLeases) })
	order = c.buy(o.process)
	rejected := func(span *tracepb.Span) bool {
		return slices.ContainsFunc(span.GetEvents(), func(e *tracepb.Span_Event) bool { return e.GetName() == "payment call not made" })
	}
	o.untilSpan(func(span *tracepb.Span) bool {
		return rejected(span) && span.GetKind() == tracepb.Span_SPAN_KIND_SERVER
	}, func() {
		c.pay(o.process, order, uuid.NewString(), "pm_broken")
	})
	o.untilSpan(func(span *tracepb.Span) bool { return rejected(span) && span.GetName() == "do attend-payments" }, func() { c.open(c.endLeases) })

	c.open(func(s *store.Store) {
		_, err := s.DB().ExecContext(t.Context(), "ALTER TABLE payments RENAME TO gifts")
		require.NoError(t, err)
	})
	o.deliverEvents(t, secret)
	o.end()
}

// deliverEvents delivers those that are none, and those that are about nothing here.
func (o *observed) deliverEvents(t *testing.T, secret string) {
	t.Helper()
	webhook, err := payments.NewWebhook(secret)
	require.NoError(t, err)
	for body, signed := range map[string]bool{
		`{}`: false, `[]`: true,
		`{"id":"evt_1","object":"event","type":"customer.created","data":{"object":{"id":"cus_1"}}}`: true,
		`{"id":"evt_2","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_of_others","object":"payment_intent","status":"succeeded",` +
			`"metadata":{"order_id":"` + uuid.NewString() + `","payment_id":"` + uuid.NewString() + `"}}}}`: true,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.api+"/api/v1/payments/webhook/stripe", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		if signed {
			request.Header.Set(payments.SignatureHeader, webhook.Sign([]byte(body), time.Now()))
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
}

// stripeOfMethods is a Stripe that answers as the payment method says, and with an intent that is being processed otherwise.
func stripeOfMethods(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.FormValue("payment_method")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case method == "pm_broken", strings.HasSuffix(r.URL.Path, "/pi_broken"):
			panic(http.ErrAbortHandler)
		case method == "pm_slow":
			<-r.Context().Done()
		case method == "pm_402":
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = io.WriteString(w, `{"error":{"type":"card_error","code":"card_declined","message":"no"}}`)
		case slices.Contains([]string{"pm_400", "pm_401", "pm_404", "pm_409", "pm_429"}, method):
			code, _ := strconv.Atoi(strings.TrimPrefix(method, "pm_")) // it is a number
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","message":"no"}}`)
		default:
			id, state := "pi_1", "processing"
			switch {
			case strings.HasSuffix(r.URL.Path, "/cancel"):
				state = "canceled"
			case strings.HasSuffix(r.URL.Path, "/pi_gone"):
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","code":"resource_missing","message":"no"}}`)
				return
			case method == "pm_gone":
				id = "pi_gone"
			case method == "pm_unreachable":
				id = "pi_broken"
			}
			fmt.Fprintf(w, `{"id":`+strconv.Quote(id)+`,"object":"payment_intent","status":%q,"client_secret":"pi_1_secret_2","amount":1,"currency":"eur"}`, state)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
