package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/payments/sandbox"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// patience bounds every wait; a machine under load is slow.
const patience = 20 * time.Second

// bench is a sandbox, and the market's end of its webhook.
type bench struct {
	*sandbox.Sandbox
	t     *testing.T
	store *store.Store
	hook  payments.Webhook
	clock *markettest.Clock
	logs  *lockedBuffer
	admin *http.ServeMux
	url   string // of the market's webhook

	mu      sync.Mutex
	refuses int // deliveries
	events  []market.PaymentEvent
}

func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { test(t, newBench(t, s)) })
}

func newBench(t *testing.T, s *store.Store) *bench {
	t.Helper()
	hook, err := payments.NewWebhook("whsec_tests")
	require.NoError(t, err)
	b := &bench{
		t: t, store: s, hook: hook, clock: markettest.NewClock(time.Date(2026, 5, 2, 9, 0, 0, 0, time.UTC)),
		logs: &lockedBuffer{}, admin: http.NewServeMux(),
	}
	b.restart()
	server := httptest.NewServer(http.HandlerFunc(b.receive))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// restart is what kill -9 leaves: the database.
func (b *bench) restart() {
	b.Sandbox = sandbox.New(b.store, b.hook, b.clock, slog.New(slog.NewJSONHandler(b.logs, nil)))
	b.admin = http.NewServeMux()
	b.Routes(b.admin)
}

func (b *bench) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	event, err := b.hook.Read(body, r.Header.Get(payments.SignatureHeader))
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || b.refuses > 0 {
		b.refuses--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b.events = append(b.events, event)
}

// states are those that deliveries have told of.
func (b *bench) states() []market.PaymentState {
	b.mu.Lock()
	defer b.mu.Unlock()
	var states []market.PaymentState
	for _, e := range b.events {
		states = append(states, e.State)
	}
	return states
}

// deliver sends what is due, and what becomes due in the time, until the market has been told of so many states.
func (b *bench) deliver(in time.Duration, want ...market.PaymentState) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	b.clock.Advance(in)
	running.Go(func() { b.Deliver(ctx, http.DefaultTransport, b.url) })
	require.Eventually(b.t, func() bool {
		left, err := b.store.SandboxDeliveries(ctx, 10)
		return err == nil && len(b.states()) >= len(want) && !slices.ContainsFunc(left, func(d sandbox.Delivery) bool {
			return !d.Due.After(b.clock.Now())
		})
	}, patience, time.Millisecond)
	require.Equal(b.t, want, b.states())
}

func (b *bench) ask(method, path, body string) (int, string) {
	recorder := httptest.NewRecorder()
	b.admin.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder.Code, recorder.Body.String()
}

// captures is how often the sandbox has taken the money of an intent.
func (b *bench) captures(ref string) int {
	b.t.Helper()
	status, body := b.ask(http.MethodGet, "/admin/sandbox/intents/"+ref, "")
	require.Equal(b.t, 200, status, body)
	var answer struct{ Intent sandbox.Intent }
	require.NoError(b.t, json.Unmarshal([]byte(body), &answer))
	return answer.Intent.Captures
}

func pay(behaviour sandbox.Behaviour) market.PaymentRequest {
	return market.PaymentRequest{
		OrderID: "order-1", PaymentID: "payment-1", Amount: market.Money{Amount: 1250, Currency: market.EUR},
		IdempotencyKey: "payment-1", Method: sandbox.Prefix + string(behaviour),
	}
}

func TestEachMethodDoesWhatItSays(t *testing.T) {
	const (
		action     = market.PaymentRequiresAction
		processing = market.PaymentProcessing
		succeeded  = market.PaymentSucceeded
		cancelled  = market.PaymentCancelled
	)
	for name, c := range map[string]struct {
		method sandbox.Behaviour
		fails  int   // calls, before one is answered
		err    error // that they fail with
		answer market.PaymentState
		soon   []market.PaymentState // that webhooks tell of within the time it takes to look
		later  []market.PaymentState // and within a minute
	}{
		"a good card is captured at once, and a webhook says so": {sandbox.OK, 0, nil, succeeded, []market.PaymentState{succeeded}, nil},
		"a card that needs its owner waits":                      {sandbox.RequiresAction, 0, nil, action, []market.PaymentState{action}, nil},
		"a slow bank captures later": {
			sandbox.Processing, 0, nil, processing, []market.PaymentState{processing}, []market.PaymentState{processing, succeeded},
		},
		"a failing provider works in the end":   {sandbox.Fail, 3, market.ErrProviderUnavailable, succeeded, []market.PaymentState{succeeded}, nil},
		"a lost answer is given when asked for": {sandbox.Lost, 1, market.ErrProviderUnavailable, succeeded, []market.PaymentState{succeeded}, nil},
		"a call without an answer is answered when repeated": {
			sandbox.Timeout, 1, market.ErrProviderUnavailable, succeeded, []market.PaymentState{succeeded}, nil,
		},
		"a late webhook":  {sandbox.WebhookLate, 0, nil, processing, nil, []market.PaymentState{succeeded}},
		"a webhook twice": {sandbox.WebhookTwice, 0, nil, processing, []market.PaymentState{succeeded, succeeded}, nil},
		"webhooks out of order": {
			sandbox.WebhookReordered, 0, nil, processing, []market.PaymentState{succeeded}, []market.PaymentState{succeeded, processing},
		},
		"a webhook that never comes": {sandbox.WebhookNever, 0, nil, processing, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				for range c.fails {
					ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
					_, err := b.CreateIntent(ctx, pay(c.method))
					cancel()
					require.ErrorIs(t, err, c.err)
				}
				intent, err := b.CreateIntent(t.Context(), pay(c.method))
				require.NoError(t, err)
				require.Equal(t, c.answer, intent.State)
				require.Equal(t, c.answer == action, intent.ClientSecret != "")
				b.restart()
				again, err := b.CreateIntent(t.Context(), pay(c.method))
				require.NoError(t, err)
				require.Equal(t, intent, again, "a repeat is answered as the first call")

				b.deliver(0, c.soon...)
				if c.later == nil {
					c.later = c.soon
				}
				b.deliver(time.Minute, c.later...)

				end := succeeded
				if c.method == sandbox.RequiresAction {
					end = cancelled
				}
				after, err := b.CancelIntent(t.Context(), intent.ProviderRef)
				require.NoError(t, err)
				require.Equal(t, end, after.State)
				want := 1
				if end == cancelled {
					want = 0
				}
				require.Equal(t, want, b.captures(intent.ProviderRef))
			})
		})
	}
}

func TestADeclineIsForGoodAndTakesNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		var declined *market.DeclinedError
		for range 2 {
			_, err := b.CreateIntent(t.Context(), pay(sandbox.Decline))
			require.ErrorAs(t, err, &declined)
			require.Contains(t, declined.Reason, sandbox.Notice)
		}
		unknown := pay(sandbox.OK)
		unknown.Method = "pm_card_visa"
		_, err := b.CreateIntent(t.Context(), unknown)
		require.ErrorAs(t, err, &declined)
		require.Contains(t, declined.Reason, "sandbox_requires_action", "it lists what there is")
	})
}

func TestASlowAnswerTakesNoLongerThanItsCallerHas(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := b.CreateIntent(ctx, pay(sandbox.Slow))
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAKeyIsForOneRequest(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		intent, err := b.CreateIntent(t.Context(), pay(sandbox.OK))
		require.NoError(t, err)
		other := pay(sandbox.OK)
		other.Amount.Amount++
		_, err = b.CreateIntent(t.Context(), other)
		require.ErrorContains(t, err, "was used for payment payment-1 over 12.50 EUR")
		require.Equal(t, 1, b.captures(intent.ProviderRef))
	})
}

func TestManyWhoCreateTheSameIntentMakeOne(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		var calls sync.WaitGroup
		refs := make([]string, 8)
		for i := range refs {
			calls.Go(func() {
				intent, err := b.CreateIntent(t.Context(), pay(sandbox.OK))
				if err == nil {
					refs[i] = intent.ProviderRef
				}
			})
		}
		calls.Wait()
		for _, ref := range refs {
			require.Equal(t, refs[0], ref)
		}
		require.Equal(t, 1, b.captures(refs[0]))
		b.deliver(0, market.PaymentSucceeded)
	})
}

func TestRefunds(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		captured, err := b.CreateIntent(t.Context(), pay(sandbox.OK))
		require.NoError(t, err)
		for _, key := range []string{"refund-1", "refund-1", "refund-2"} {
			made, err := b.Refund(t.Context(), back(captured.ProviderRef, key))
			require.NoError(t, err)
			require.Equal(t, market.Refund{
				ProviderRef: "re_" + captured.ProviderRef + "_of_1", Key: "refund-1", State: market.PaymentRefunded,
			}, made, "the money is given back once")
			b.restart()
		}
		_, err = b.Refund(t.Context(), back("pi_none", "refund-1"))
		require.ErrorIs(t, err, market.ErrNotFound)
		for _, ref := range []string{"re_none", "re_" + captured.ProviderRef + "_of_2"} {
			_, err = b.GetRefund(t.Context(), ref)
			require.ErrorIs(t, err, market.ErrNotFound)
		}

		waiting := pay(sandbox.RequiresAction)
		waiting.IdempotencyKey = "payment-2"
		intent, err := b.CreateIntent(t.Context(), waiting)
		require.NoError(t, err)
		_, err = b.Refund(t.Context(), back(intent.ProviderRef, "refund-3"))
		require.ErrorContains(t, err, "nothing was captured")
	})
}

func back(intent, key string) market.RefundRequest {
	return market.RefundRequest{ProviderRef: intent, PaymentID: "payment-1", Amount: pay(sandbox.OK).Amount, IdempotencyKey: key}
}

func TestWhatBecomesOfARefundIsAsTheMethodSays(t *testing.T) {
	const pending, done, failed = market.PaymentRefunding, market.PaymentRefunded, market.PaymentRefundFailed
	for behaviour, c := range map[sandbox.Behaviour]struct{ answer, end, again market.PaymentState }{
		sandbox.RefundPending: {pending, done, done},
		sandbox.RefundFails:   {pending, failed, done},
		sandbox.RefundBounces: {done, failed, done},
	} {
		t.Run(string(behaviour), func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				captured, err := b.CreateIntent(t.Context(), pay(behaviour))
				require.NoError(t, err)
				first, err := b.Refund(t.Context(), back(captured.ProviderRef, "refund-1"))
				require.NoError(t, err)
				require.Equal(t, c.answer, first.State)
				b.deliver(0, market.PaymentSucceeded)
				b.restart()
				b.deliver(time.Minute, market.PaymentSucceeded, c.end)
				told := b.events[1]
				require.Equal(t, "payment-1", told.PaymentID)
				require.Equal(t, captured.ProviderRef, told.ProviderRef)
				now, err := b.GetRefund(t.Context(), first.ProviderRef)
				require.NoError(t, err)
				require.Equal(t, now, told.Refund)
				require.Equal(t, c.end == failed, now.Failure != "")
				second, err := b.Refund(t.Context(), back(captured.ProviderRef, "refund-2"))
				require.NoError(t, err)
				require.Equal(t, c.again, second.State)
				require.Equal(t, c.end == failed, second.ProviderRef != first.ProviderRef, "what has not failed is not made again")
			})
		})
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		_, err := b.GetIntent(t.Context(), "pi_none")
		require.ErrorIs(t, err, market.ErrNotFound)
		_, err = b.CancelIntent(t.Context(), "pi_none")
		require.ErrorIs(t, err, market.ErrNotFound)
		_, err = b.GetIntent(t.Context(), "pi_none")
		require.ErrorIs(t, err, market.ErrNotFound, "asking does not make it")
	})
}

func TestAPaymentIsConfirmedOrDeclinedThroughTheAdminPort(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		intent, err := b.CreateIntent(t.Context(), pay(sandbox.RequiresAction))
		require.NoError(t, err)
		path := "/admin/sandbox/intents/" + intent.ProviderRef
		status, body := b.ask(http.MethodPost, path+"/decline", "")
		require.Equal(t, 200, status, body)
		require.Contains(t, body, sandbox.Notice)
		status, body = b.ask(http.MethodPost, path+"/confirm", "")
		require.Equal(t, 200, status, body)
		status, body = b.ask(http.MethodPost, path+"/confirm", "")
		require.Equal(t, 409, status, body)
		status, _ = b.ask(http.MethodPost, "/admin/sandbox/intents/pi_none/confirm", "")
		require.Equal(t, 404, status)
		require.Equal(t, 1, b.captures(intent.ProviderRef))
		b.deliver(0, market.PaymentRequiresAction, market.PaymentRequiresAction, market.PaymentSucceeded)
	})
}

func TestAPaymentThatIsCancelledInTimeIsNotCaptured(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		intent, err := b.CreateIntent(t.Context(), pay(sandbox.Processing))
		require.NoError(t, err)
		after, err := b.CancelIntent(t.Context(), intent.ProviderRef)
		require.NoError(t, err)
		require.Equal(t, market.PaymentCancelled, after.State)
		b.deliver(time.Minute, market.PaymentProcessing, market.PaymentCancelled)
		require.Zero(t, b.captures(intent.ProviderRef))
	})
}

func TestAPaymentThatIsCalledOffIsNotCapturedByWhatArrivesLater(t *testing.T) {
	for behaviour, captures := range map[sandbox.Behaviour]int{
		"nothing has arrived": 0, sandbox.OK: 1, sandbox.Lost: 1, sandbox.Fail: 0, sandbox.RequiresAction: 0, sandbox.Processing: 0, sandbox.Decline: 0,
	} {
		t.Run(string(behaviour), func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				asked := pay(behaviour)
				if behaviour == "nothing has arrived" {
					asked = pay(sandbox.OK)
				} else {
					_, _ = b.CreateIntent(t.Context(), asked)
				}
				var off market.PaymentIntent
				for range 2 {
					var err error
					off, err = b.CallOffIntent(t.Context(), asked)
					require.NoError(t, err)
					require.Equal(t, captures == 1, off.State == market.PaymentSucceeded)
				}
				b.clock.Advance(time.Minute)
				for range 4 {
					_, _ = b.CreateIntent(t.Context(), asked)
				}
				require.Equal(t, captures, b.captures(off.ProviderRef))
			})
		})
	}
}

func TestTheAdminPortTellsItHowToTreatAllPayments(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		try  func(context.Context, *bench) error
		want error
	}{
		"to fail": {`{"behaviour":"fail","duration":"1m"}`, func(ctx context.Context, b *bench) error {
			_, err := b.CreateIntent(ctx, pay(sandbox.OK))
			return err
		}, market.ErrProviderUnavailable},
		"to decline": {`{"behaviour":"decline","duration":"1m"}`, func(ctx context.Context, b *bench) error {
			_, err := b.CreateIntent(ctx, pay(sandbox.OK))
			return err
		}, market.ErrPaymentDeclined},
		"to fail when asked about a payment, too": {`{"behaviour":"fail","duration":"1m"}`, func(ctx context.Context, b *bench) error {
			_, err := b.GetIntent(ctx, "pi_none")
			return err
		}, market.ErrProviderUnavailable},
		"not to answer": {`{"behaviour":"timeout","duration":"1m"}`, func(ctx context.Context, b *bench) error {
			_, err := b.Refund(ctx, back("pi_none", "refund-1"))
			return err
		}, context.DeadlineExceeded},
		"to be slower than anybody waits": {`{"behaviour":"slow","delay":"30s","duration":"1m"}`, func(ctx context.Context, b *bench) error {
			_, err := b.CancelIntent(ctx, "pi_none")
			return err
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, migrated(t))
			status, body := b.ask(http.MethodPost, "/admin/sandbox", c.body)
			require.Equal(t, http.StatusCreated, status, body)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, c.try(ctx, b), c.want)

			_, body = b.ask(http.MethodGet, "/admin/sandbox", "")
			require.Contains(t, body, `"told"`)
			require.Contains(t, body, sandbox.Notice)
			require.Contains(t, body, "sandbox_webhook_twice")
			b.clock.Advance(2 * time.Minute)
			other := pay(sandbox.OK)
			other.IdempotencyKey = "payment-2"
			_, err := b.CreateIntent(t.Context(), other)
			require.NoError(t, err, "it ends by itself")
		})
	}
}

func TestAnOrderThatMakesNoSenseIsRefused(t *testing.T) {
	b := newBench(t, migrated(t))
	for name, c := range map[string]struct{ body, want string }{
		"no JSON":                {"fail", "read what the sandbox is to do"},
		"an unknown field":       {`{"behavior":"fail"}`, "behavior"},
		"an unknown behaviour":   {`{"behaviour":"explode","duration":"1m"}`, "explode"},
		"no end":                 {`{"behaviour":"fail"}`, "duration is"},
		"an end too far":         {`{"behaviour":"fail","duration":"48h"}`, "at most 1h"},
		"a delay without bounds": {`{"behaviour":"slow","delay":"1h","duration":"1m"}`, "delay is"},
		"two objects":            {`{"behaviour":"fail","duration":"1m"}{}`, "more after"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := b.ask(http.MethodPost, "/admin/sandbox", c.body)
			require.Equal(t, http.StatusUnprocessableEntity, status)
			require.Contains(t, body, c.want)
		})
	}
}

func TestADeliveryThatIsNotTakenIsMadeAgainAlsoByTheNextProcess(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.mu.Lock()
		b.refuses = 1
		b.mu.Unlock()
		_, err := b.CreateIntent(t.Context(), pay(sandbox.OK))
		require.NoError(t, err)
		b.deliver(0)
		left, err := b.store.SandboxDeliveries(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, left, 1)
		require.Equal(t, 1, left[0].Attempts)
		b.restart()
		b.deliver(time.Minute, market.PaymentSucceeded)
	})
}

func TestItSaysThatItIsASandbox(t *testing.T) {
	b := newBench(t, migrated(t))
	intent, err := b.CreateIntent(t.Context(), pay(sandbox.RequiresAction))
	require.NoError(t, err)
	require.Contains(t, intent.ProviderRef, "sandbox")
	require.Contains(t, intent.ClientSecret, "sandbox")
	require.GreaterOrEqual(t, strings.Count(b.logs.String(), sandbox.Notice), 2, "at the start and with each payment")
}
