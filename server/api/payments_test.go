package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v82"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

const webhookPath = "/api/v1/payments/webhook/sandbox"

func newHook(t *testing.T) payments.Webhook {
	t.Helper()
	hook, err := payments.NewWebhook("whsec_tests")
	require.NoError(t, err)
	return hook
}

// newInbox takes deliveries to webhookPath.
func newInbox(t *testing.T, tel *telemetry.Telemetry, handle func(context.Context, market.PaymentEvent) error) *payments.Inbox {
	t.Helper()
	return payments.NewInbox(map[string]payments.Webhook{"sandbox": newHook(t)}, handle, tel)
}

// fairWithPayment is a fair with an order, the payment of which the provider is still processing.
type fairWithPayment struct {
	*markettest.Fair
	app      *fiber.App
	customer market.Actor
	order    market.Order
}

func newFairWithPayment(t *testing.T, s *store.Store) *fairWithPayment {
	t.Helper()
	fair := markettest.NewFair(t, s, 10)
	f := &fairWithPayment{Fair: fair, customer: markettest.Buyer()}
	f.app = newApp(t, s, func(o *api.Options) {
		o.Payments = newInbox(t, newTelemetry(t), fair.Checkout.HandlePaymentEvent)
	})
	placement := fair.Want(2)
	placement.CustomerID = f.customer.ID
	order, _, err := fair.Checkout.Place(t.Context(), f.customer, placement)
	require.NoError(t, err)
	fair.Provider.Answer(market.PaymentProcessing)
	f.order, _, _, err = fair.Checkout.Pay(t.Context(), f.customer, market.PayRequest{OrderID: order.ID, IdempotencyKey: "pay-1"})
	require.NoError(t, err)
	return f
}

// event tells of the payment's state.
func event(payment market.Payment, status stripego.PaymentIntentStatus) []byte {
	body, err := json.Marshal(payments.Event{
		ID: "evt_" + payment.ID + string(status), Object: "event", Type: "payment_intent." + string(status), Created: time.Now().Unix(),
		Data: payments.EventData{Object: payments.EventObject{
			ID: payment.ProviderRef, Object: "payment_intent", Status: string(status),
			Metadata: map[string]string{payments.MetadataPayment: payment.ID},
		}},
	})
	if err != nil {
		panic(err) // the types are ours
	}
	return body
}

// deliver sends the event that tells of the payment's state.
func (f *fairWithPayment) deliver(t *testing.T, status stripego.PaymentIntentStatus) answer {
	t.Helper()
	body := event(f.order.Payments[0], status)
	return deliver(t, f.app, webhookPath, string(body), newHook(t).Sign(body, time.Now()))
}

func deliver(t *testing.T, app *fiber.App, path, body, signature string, header ...string) answer {
	t.Helper()
	return send(t, app, user{}, http.MethodPost, path, body, append(header, payments.SignatureHeader, signature)...)
}

func TestPaymentEventsBringAnOrderOnHoweverTheyCome(t *testing.T) {
	const (
		processing = stripego.PaymentIntentStatusProcessing
		succeeded  = stripego.PaymentIntentStatusSucceeded
		canceled   = stripego.PaymentIntentStatusCanceled
	)
	for name, c := range map[string]struct {
		events   []stripego.PaymentIntentStatus
		late     time.Duration // after the order was placed
		order    market.OrderState
		payment  market.PaymentState
		expected int64 // units that are available in the end, of 10
	}{
		"in order":       {[]stripego.PaymentIntentStatus{processing, succeeded}, 0, market.OrderPaid, market.PaymentSucceeded, 8},
		"out of order":   {[]stripego.PaymentIntentStatus{succeeded, processing}, 0, market.OrderPaid, market.PaymentSucceeded, 8},
		"twice":          {[]stripego.PaymentIntentStatus{succeeded, succeeded}, 0, market.OrderPaid, market.PaymentSucceeded, 8},
		"a cancellation": {[]stripego.PaymentIntentStatus{canceled}, 0, market.OrderPendingPayment, market.PaymentCancelled, 8},
		"late, when the order has expired: the money goes back": {
			[]stripego.PaymentIntentStatus{succeeded, succeeded}, time.Hour, market.OrderExpired, market.PaymentRefunding, 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				f := newFairWithPayment(t, s)
				f.Clock.Advance(c.late)
				_, err := f.Checkout.ExpireHolds(t.Context())
				require.NoError(t, err)
				for _, status := range c.events {
					got := f.deliver(t, status)
					require.Equal(t, http.StatusOK, got.status, string(got.body))
					require.Contains(t, string(got.body), `"handled":true`)
				}
				order, err := s.Order(t.Context(), f.order.ID)
				require.NoError(t, err)
				require.Equal(t, c.order, order.State)
				require.Equal(t, c.payment, order.Payments[0].State)
				require.Equal(t, c.expected, f.Available(t, 0))
			})
		})
	}
}

func TestADeliveryIsAnsweredByWhatBecameOfIt(t *testing.T) {
	const event = `{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","status":"succeeded"}}}`
	sign := func(body string) string { return newHook(t).Sign([]byte(body), time.Now()) }
	for name, c := range map[string]struct {
		path, body, signature string
		stored                error
		status                int
		header                []string
	}{
		"stored":                                   {webhookPath, event, sign(event), nil, 200, nil},
		"of another kind, which we do not need":    {webhookPath, `{"id":"e","type":"charge.x"}`, sign(`{"id":"e","type":"charge.x"}`), nil, 200, nil},
		"of a payment that we do not know":         {webhookPath, event, sign(event), &market.NotFoundError{Kind: "payment", ID: "x"}, 200, nil},
		"not stored, because the database is away": {webhookPath, event, sign(event), market.ErrUnavailable, 503, nil},
		"without a signature":                      {webhookPath, event, "", nil, 400, nil},
		"with another body's signature":            {webhookPath, event, sign(event + " "), nil, 400, nil},
		"signed, but no event":                     {webhookPath, `[]`, sign(`[]`), nil, 422, nil},
		"too large":                                {webhookPath, strings.Repeat(" ", 65<<10), sign(strings.Repeat(" ", 65<<10)), nil, 413, nil},
		"compressed twice":                         {webhookPath, zipped(t, zipped(t, event)), sign(event), nil, 415, []string{"Content-Encoding", "gzip, gzip"}},
		"of a provider that we do not use":         {"/api/v1/payments/webhook/paypal", event, sign(event), nil, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t, storetest.SQLite(t), store.Options{})
			handled, tel := 0, newTelemetry(t)
			app := newApp(t, s, func(o *api.Options) {
				o.Telemetry = tel
				o.Payments = newInbox(t, tel, func(context.Context, market.PaymentEvent) error {
					handled++
					return c.stored
				})
			})
			got := deliver(t, app, c.path, c.body, c.signature, c.header...)
			require.Equal(t, c.status, got.status, string(got.body))
			if c.status != 200 {
				requireProblem(t, got, c.status)
			}
			if c.status == 400 || c.status == 415 {
				require.Zero(t, handled, "what is not signed, or not as it was signed, reaches nobody")
			}
			if c.status == 400 {
				page := httptest.NewRecorder()
				tel.MetricsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
				require.Contains(t, page.Body.String(), `http_server_request_duration_seconds_count{error_type="auth",`+
					`http_request_method="POST",http_response_status_code="400",http_route="/api/v1/payments/webhook/{provider}"} 1`)
			}
		})
	}
}
