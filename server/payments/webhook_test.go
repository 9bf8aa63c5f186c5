package payments_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/telemetry"
)

const (
	provider = "sandbox"
	secret   = "whsec_tests"
	captured = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1700000000,
		"data":{"object":{"id":"pi_1","object":"payment_intent","status":"succeeded","metadata":{"payment_id":"payment-1"}}}}`
	bounced = `{"id":"evt_2","object":"event","type":"refund.failed","created":1700000000,
		"data":{"object":{"id":"re_1","object":"refund","status":"failed","failure_reason":"lost_or_stolen_card","payment_intent":"pi_1",
		"metadata":{"payment_id":"payment-1","refund_key":"refund-1"}}}}`
)

func newWebhook(t *testing.T) payments.Webhook {
	t.Helper()
	hook, err := payments.NewWebhook(secret)
	require.NoError(t, err)
	return hook
}

func TestASignedEventIsRead(t *testing.T) {
	hook := newWebhook(t)
	event, err := hook.Read([]byte(captured), hook.Sign([]byte(captured), time.Now()))
	require.NoError(t, err)
	require.Equal(t, market.PaymentEvent{
		EventID: "evt_1", ProviderRef: "pi_1", PaymentID: "payment-1", State: market.PaymentSucceeded,
		At: time.Unix(1700000000, 0).UTC(),
	}, event)
}

func TestAnEventOfARefundIsReadWhateverItIsCalled(t *testing.T) {
	hook := newWebhook(t)
	for _, kind := range []string{"refund.failed", "refund.updated", "charge.refund.updated"} {
		body := []byte(strings.Replace(bounced, "refund.failed", kind, 1))
		event, err := hook.Read(body, hook.Sign(body, time.Now()))
		require.NoError(t, err)
		require.Equal(t, market.PaymentEvent{
			EventID: "evt_2", ProviderRef: "pi_1", PaymentID: "payment-1", State: market.PaymentRefundFailed, At: time.Unix(1700000000, 0).UTC(),
			Refund: market.Refund{ProviderRef: "re_1", Key: "refund-1", State: market.PaymentRefundFailed, Failure: "lost_or_stolen_card"},
		}, event)
	}
}

func TestADeliveryThatCannotBeBelievedIsRefused(t *testing.T) {
	hook := newWebhook(t)
	now := time.Now()
	for name, c := range map[string]struct{ body, signature string }{
		"no signature":               {captured, ""},
		"nonsense for a signature":   {captured, "nonsense"},
		"no time":                    {captured, strings.SplitN(hook.Sign([]byte(captured), now), ",", 2)[1]},
		"a time of another delivery": {captured, "t=1," + strings.SplitN(hook.Sign([]byte(captured), now), ",", 2)[1]},
		"a body changed on the way":  {strings.Replace(captured, "pi_1", "pi_2", 1), hook.Sign([]byte(captured), now)},
		"a space more":               {captured + " ", hook.Sign([]byte(captured), now)},
		"an old recording":           {captured, hook.Sign([]byte(captured), now.Add(-payments.Tolerance-time.Minute))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hook.Read([]byte(c.body), c.signature)
			require.ErrorIs(t, err, payments.ErrSignature)
		})
	}
	t.Run("a webhook without a secret", func(t *testing.T) {
		var none payments.Webhook
		_, err := none.Read([]byte(captured), none.Sign([]byte(captured), now))
		require.ErrorIs(t, err, payments.ErrSignature)
		_, err = payments.NewWebhook("")
		require.ErrorContains(t, err, "empty")
	})
}

func TestASignedDeliveryThatIsNoEventIsMalformed(t *testing.T) {
	hook := newWebhook(t)
	for name, body := range map[string]string{
		"nothing":                          "",
		"no JSON":                          "id=evt_1",
		"no id":                            strings.Replace(captured, `"id":"evt_1",`, "", 1),
		"no intent":                        strings.Replace(captured, `"id":"pi_1",`, "", 1),
		"an unknown status":                strings.Replace(captured, `"succeeded","metadata"`, `"pondering","metadata"`, 1),
		"an id with a NUL":                 strings.Replace(captured, `"evt_1"`, `"evt_\u0000"`, 1),
		"an intent with a NUL":             strings.Replace(captured, `"pi_1"`, `"pi_\u0000"`, 1),
		"a payment with half a character":  strings.Replace(captured, `"payment-1"`, "\"payment-\xff\"", 1),
		"an id without an end":             strings.Replace(captured, `"evt_1"`, `"evt_`+strings.Repeat("1", 252)+`"`, 1),
		"a refund without an id":           strings.Replace(bounced, `"id":"re_1",`, "", 1),
		"a refund with an unknown status":  strings.Replace(bounced, `"failed","failure`, `"pondering","failure`, 1),
		"a refund of an intent with a NUL": strings.Replace(bounced, `"pi_1"`, `"pi_\u0000"`, 1),
		"a failure with a NUL":             strings.Replace(bounced, `lost_or`, `\u0000`, 1),
		"no data":                          `{"id":"evt_1","type":"payment_intent.succeeded","data":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hook.Read([]byte(body), hook.Sign([]byte(body), time.Now()))
			require.ErrorIs(t, err, payments.ErrMalformed)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(captured))
	f.Add([]byte(bounced))
	f.Add([]byte(`{"id":"e","type":"payment_intent.x","data":{"object":[]}}`))
	hook, err := payments.NewWebhook(secret)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := hook.Read(body, hook.Sign(body, time.Now()))
		if err == nil {
			require.NotEmpty(t, event.EventID)
			require.NotEmpty(t, event.ProviderRef)
			require.True(t, event.State.Valid())
		}
	})
}

func TestWhatBecomesOfADelivery(t *testing.T) {
	broken := errors.New("the database is away")
	for name, c := range map[string]struct {
		provider string
		body     string
		stored   error
		ours     bool
		want     error
		metric   string
	}{
		"an event of ours":     {provider, captured, nil, true, nil, "handled"},
		"one that comes again": {provider, captured, market.ErrEventSeen, true, nil, "duplicate"},
		"one of a refund":      {provider, bounced, nil, true, nil, "handled"},
		"one of a refund of a charge that we never made": {
			provider, strings.Replace(bounced, `"payment_intent":"pi_1"`, `"payment_intent":null`, 1), nil, false, nil, "ignored",
		},
		"one of another kind": {provider, `{"id":"evt_2","type":"charge.refunded"}`, nil, false, nil, "ignored"},
		"one of a payment that we do not know": {
			provider, captured, &market.NotFoundError{Kind: "payment", ID: "payment-1"}, false, nil, "unknown_payment",
		},
		"one that cannot be stored is not taken": {provider, captured, broken, false, broken, "failed"},
		"one that cannot be read":                {provider, "{", nil, false, payments.ErrMalformed, "malformed"},
		"one of a provider that we do not use":   {"paypal", captured, nil, false, market.ErrNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
			require.NoError(t, err)
			hook := newWebhook(t)
			inbox := payments.NewInbox(map[string]payments.Webhook{provider: hook}, func(context.Context, market.PaymentEvent) error {
				return c.stored
			}, tel)
			ours, err := inbox.Take(t.Context(), c.provider, []byte(c.body), hook.Sign([]byte(c.body), time.Now()))
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.ours, ours)
			recorder := httptest.NewRecorder()
			tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
			for _, outcome := range []string{"handled", "duplicate", "ignored", "unknown_payment", "failed", "malformed"} {
				want := "0"
				if outcome == c.metric {
					want = "1"
				}
				require.Contains(t, recorder.Body.String(),
					`market_payment_events_total{outcome="`+outcome+`",provider="sandbox"} `+want)
			}
		})
	}
}
