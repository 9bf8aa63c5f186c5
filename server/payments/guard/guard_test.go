package guard_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/payments"
	"github.com/farmersmarket/platform/server/payments/guard"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// patience bounds every wait; a machine under load is slow.
const patience = 60 * time.Second

// scripted is a provider whose calls go as the test says.
type scripted struct {
	mu     sync.Mutex
	calls  int
	answer func(ctx context.Context, call int) error
}

func (s *scripted) called(ctx context.Context) error {
	s.mu.Lock()
	s.calls++
	call, answer := s.calls, s.answer
	s.mu.Unlock()
	return answer(ctx, call)
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *scripted) becomes(answer func(ctx context.Context, call int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *scripted) CreateIntent(ctx context.Context, _ market.PaymentRequest) (market.PaymentIntent, error) {
	return market.PaymentIntent{ProviderRef: "pi_1"}, s.called(ctx)
}

func (s *scripted) GetIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	return market.PaymentIntent{ProviderRef: ref}, s.called(ctx)
}

func (s *scripted) CancelIntent(ctx context.Context, ref string) (market.PaymentIntent, error) {
	return market.PaymentIntent{ProviderRef: ref}, s.called(ctx)
}

func (s *scripted) CallOffIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	return market.PaymentIntent{ProviderRef: request.PaymentID}, s.called(ctx)
}

func (s *scripted) Refund(ctx context.Context, request market.RefundRequest) (market.Refund, error) {
	return market.Refund{ProviderRef: "re_1", Key: request.IdempotencyKey}, s.called(ctx)
}

func (s *scripted) GetRefund(ctx context.Context, ref string) (market.Refund, error) {
	return market.Refund{ProviderRef: ref}, s.called(ctx)
}

func away(context.Context, int) error  { return market.ErrProviderUnavailable }
func works(context.Context, int) error { return nil }
func silent(ctx context.Context, _ int) error {
	<-ctx.Done()
	return errors.Join(market.ErrProviderUnavailable, ctx.Err())
}

// failing fails the first calls.
func failing(first int) func(context.Context, int) error {
	return func(_ context.Context, call int) error {
		if call <= first {
			return market.ErrProviderUnavailable
		}
		return nil
	}
}

func quick() guard.Settings {
	return guard.Settings{Timeout: patience, Backoff: time.Millisecond, MaxWait: time.Millisecond, OpenFor: patience}
}

func start(t *testing.T, collector string) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{
		Service: "test", Logs: io.Discard, SampleRatio: 1, OTLPEndpoint: collector, OTLPInsecure: true,
	})
	require.NoError(t, err)
	return tel
}

func metrics(tel *telemetry.Telemetry) string {
	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

func TestOnlyWhatIsSafeIsRepeated(t *testing.T) {
	keyed := market.PaymentRequest{IdempotencyKey: "payment-1"}
	for name, c := range map[string]struct {
		answer func(context.Context, int) error
		do     func(context.Context, *guard.Guard) error
		calls  int
		want   error
	}{
		"creating an intent with a key, until it works": {
			failing(2), func(ctx context.Context, g *guard.Guard) error { _, err := g.CreateIntent(ctx, keyed); return err }, 3, nil,
		},
		"creating an intent with a key, three times at most": {
			away, func(ctx context.Context, g *guard.Guard) error { _, err := g.CreateIntent(ctx, keyed); return err },
			3, market.ErrProviderUnavailable,
		},
		"not creating an intent without a key": {
			away, func(ctx context.Context, g *guard.Guard) error {
				_, err := g.CreateIntent(ctx, market.PaymentRequest{})
				return err
			}, 1, market.ErrProviderUnavailable,
		},
		"calling an intent off": {
			failing(1), func(ctx context.Context, g *guard.Guard) error { _, err := g.CallOffIntent(ctx, keyed); return err }, 2, nil,
		},
		"reading a refund": {
			failing(1), func(ctx context.Context, g *guard.Guard) error { _, err := g.GetRefund(ctx, "re_1"); return err }, 2, nil,
		},
		"reading an intent": {
			failing(1), func(ctx context.Context, g *guard.Guard) error { _, err := g.GetIntent(ctx, "pi_1"); return err }, 2, nil,
		},
		"not cancelling an intent, which has no key": {
			away, func(ctx context.Context, g *guard.Guard) error { _, err := g.CancelIntent(ctx, "pi_1"); return err },
			1, market.ErrProviderUnavailable,
		},
		"a refund with a key": {
			failing(1), func(ctx context.Context, g *guard.Guard) error {
				_, err := g.Refund(ctx, market.RefundRequest{ProviderRef: "pi_1", IdempotencyKey: "refund-1"})
				return err
			}, 2, nil,
		},
		"not a refund without a key": {
			away, func(ctx context.Context, g *guard.Guard) error {
				_, err := g.Refund(ctx, market.RefundRequest{})
				return err
			},
			1, market.ErrProviderUnavailable,
		},
		"not a payment that was declined": {
			func(context.Context, int) error { return &market.DeclinedError{Reason: "no"} },
			func(ctx context.Context, g *guard.Guard) error { _, err := g.CreateIntent(ctx, keyed); return err }, 1, market.ErrPaymentDeclined,
		},
		"not a call that our credentials are refused for": {
			func(context.Context, int) error {
				return errors.Join(market.ErrProviderUnavailable, payments.ErrCredentials)
			},
			func(ctx context.Context, g *guard.Guard) error { _, err := g.CreateIntent(ctx, keyed); return err }, 1, payments.ErrCredentials,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &scripted{answer: c.answer}
			err := c.do(t.Context(), guard.New("sandbox", p, quick(), start(t, "")))
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.calls, p.count())
		})
	}
}

func TestACallThatTakesTooLongIsUnavailability(t *testing.T) {
	t.Run("because of the guard's own bound, for each call", func(t *testing.T) {
		p := &scripted{answer: silent}
		settings := quick()
		settings.Timeout = 10 * time.Millisecond
		_, err := guard.New("sandbox", p, settings, start(t, "")).GetIntent(t.Context(), "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		require.Equal(t, 3, p.count())
	})
	t.Run("because the caller's time is up, without a repeat", func(t *testing.T) {
		p := &scripted{answer: silent}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := guard.New("sandbox", p, quick(), start(t, "")).GetIntent(ctx, "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, p.count())
	})
	t.Run("because the caller went away between two calls", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &scripted{answer: func(context.Context, int) error { cancel(); return market.ErrProviderUnavailable }}
		settings := quick()
		settings.Backoff = patience
		_, err := guard.New("sandbox", p, settings, start(t, "")).GetIntent(ctx, "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		require.Equal(t, 1, p.count())
	})
}

func TestTheBreakerOpensHalfOpensAndCloses(t *testing.T) {
	tel := start(t, "")
	p := &scripted{answer: away}
	settings := quick()
	settings.Attempts, settings.OpenFor = 1, 50*time.Millisecond
	g := guard.New("sandbox", p, settings, tel)
	require.NoError(t, g.Probe(t.Context()))
	require.Equal(t, catalogue.BreakerClosed, g.State())

	for n := range 5 {
		before := p.count()
		_, err := g.GetIntent(t.Context(), "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		require.Equal(t, p.count() == before, errors.Is(err, market.ErrNotAsked), "request %d", n)
	}
	require.Equal(t, 5, p.count())
	require.Eventually(t, func() bool { return g.State() == catalogue.BreakerHalfOpen }, patience, time.Millisecond)
	require.NoError(t, g.Probe(t.Context()))

	_, err := g.GetIntent(t.Context(), "pi_1")
	require.ErrorIs(t, err, market.ErrProviderUnavailable, "it is tried again, and still away")
	require.Equal(t, 6, p.count())

	p.becomes(works)
	require.Eventually(t, func() bool {
		_, err := g.GetIntent(t.Context(), "pi_1")
		return err == nil && g.State() == catalogue.BreakerClosed
	}, patience, time.Millisecond)
	require.Contains(t, metrics(tel), `market_payment_provider_breaker_state{provider="sandbox",state="closed"} 1`)
}

func TestAnOpenBreakerKeepsCallsFromBeingMade(t *testing.T) {
	tel := start(t, "")
	p := &scripted{answer: away}
	g := guard.New("sandbox", p, quick(), tel)
	for range 5 {
		_, err := g.GetIntent(t.Context(), "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
	}
	require.Equal(t, 5, p.count(), "the second request's repeats and all that follow are refused")
	require.Equal(t, catalogue.BreakerOpen, g.State())
	require.ErrorIs(t, g.Probe(t.Context()), market.ErrProviderUnavailable)
	require.Contains(t, metrics(tel), `market_payment_provider_breaker_state{provider="sandbox",state="open"} 1`)
	require.Contains(t, metrics(tel), `market_payment_provider_rejections_total{operation="get_intent",provider="sandbox",reason="breaker"} 4`)
}

func TestDeclinesAndCallersThatLeaveDoNotOpenTheBreaker(t *testing.T) {
	for name, failure := range map[string]error{
		"declines":             &market.DeclinedError{Reason: "no"},
		"intents not found":    &market.NotFoundError{Kind: "payment intent", ID: "pi_1"},
		"callers that go away": errors.Join(market.ErrProviderUnavailable, context.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			p := &scripted{answer: func(context.Context, int) error { return failure }}
			g := guard.New("sandbox", p, quick(), start(t, ""))
			for range 20 {
				_, err := g.GetIntent(t.Context(), "pi_1")
				require.ErrorIs(t, err, failure)
			}
			require.Equal(t, catalogue.BreakerClosed, g.State())
		})
	}
}

func TestNoMoreCallsThanTheBulkheadLets(t *testing.T) {
	tel := start(t, "")
	entered, release := make(chan struct{}), make(chan struct{})
	p := &scripted{answer: func(context.Context, int) error {
		entered <- struct{}{}
		<-release
		return nil
	}}
	settings := quick()
	settings.Concurrency = 2
	g := guard.New("sandbox", p, settings, tel)
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := g.GetIntent(context.WithoutCancel(t.Context()), "pi_1")
			ended <- err
		}()
		<-entered
	}
	_, err := g.GetIntent(t.Context(), "pi_1")
	require.ErrorIs(t, err, market.ErrProviderUnavailable)
	require.Contains(t, metrics(tel), `market_payment_provider_rejections_total{operation="get_intent",provider="sandbox",reason="bulkhead"} 1`)
	require.Equal(t, catalogue.BreakerClosed, g.State(), "that says nothing about the provider")
	close(release)
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}

func TestEachCallIsASpanAndADurationByItsOutcome(t *testing.T) {
	collector := telemetrytest.NewCollector(t)
	tel := start(t, collector.Addr)
	g := guard.New("sandbox", &scripted{answer: failing(1)}, quick(), tel)
	_, err := g.CreateIntent(t.Context(), market.PaymentRequest{IdempotencyKey: "payment-1"})
	require.NoError(t, err)
	text := metrics(tel)
	for _, want := range []string{
		`market_payment_provider_call_duration_seconds_count{operation="create_intent",outcome="ok",provider="sandbox"} 1`,
		`market_payment_provider_call_duration_seconds_count{operation="create_intent",outcome="unavailable",provider="sandbox"} 1`,
		`market_payment_provider_call_duration_seconds_count{operation="refund",outcome="timeout",provider="sandbox"} 0`,
		`market_payment_provider_retries_total{operation="create_intent",provider="sandbox"} 1`,
	} {
		require.Contains(t, text, want)
	}
	require.NoError(t, tel.Shutdown(t.Context()))
	collector.RequireExemplars(tel.MetricsHandler(), `market_payment_provider_call_duration_seconds_bucket{operation="create_intent",outcome="ok"`)
	var failed, fine int
	for _, span := range collector.Spans() {
		require.Equal(t, "payments create_intent", span.GetName())
		if span.GetStatus().GetCode() != 0 {
			failed++
		} else {
			fine++
		}
	}
	require.Equal(t, []int{1, 1}, []int{failed, fine})
}

func TestTheSpanOfACallHasTheErrorCategoryOfItsOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		failure            error
		outcome, errorType string
		failed             bool
	}{
		"a call that succeeds":            {nil, "ok", "", false},
		"a payment that is declined":      {&market.DeclinedError{Reason: "no"}, "declined", "validation", false},
		"an intent that is not found":     {&market.NotFoundError{Kind: "payment intent", ID: "pi_1"}, "not_found", "not_found", false},
		"a provider that is away":         {market.ErrProviderUnavailable, "unavailable", "dependency", true},
		"a call that takes too long":      {context.DeadlineExceeded, "timeout", "timeout", true},
		"a request that is ours to blame": {errors.New("no such currency"), "error", "internal", true},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			tel := start(t, collector.Addr)
			p := &scripted{answer: func(context.Context, int) error { return c.failure }}
			_, err := guard.New("sandbox", p, quick(), tel).CancelIntent(t.Context(), "pi_1")
			require.ErrorIs(t, err, c.failure)
			requireOutcome(t, tel, collector, c.outcome, c.errorType, c.failed)
		})
	}
	t.Run("a caller that goes away", func(t *testing.T) {
		collector := telemetrytest.NewCollector(t)
		tel := start(t, collector.Addr)
		ctx, cancel := context.WithCancel(t.Context())
		p := &scripted{answer: func(context.Context, int) error { cancel(); return market.ErrProviderUnavailable }}
		_, err := guard.New("sandbox", p, quick(), tel).CancelIntent(ctx, "pi_1")
		require.ErrorIs(t, err, market.ErrProviderUnavailable)
		requireOutcome(t, tel, collector, "canceled", "canceled", false)
	})
}

func requireOutcome(t *testing.T, tel *telemetry.Telemetry, collector *telemetrytest.Collector, outcome, errorType string, failed bool) {
	t.Helper()
	require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context())))
	span := collector.WaitForSpans(1)[0]
	require.Equal(t, outcome, telemetrytest.Attribute(span, "payment.outcome"))
	require.Equal(t, errorType, telemetrytest.Attribute(span, "error.type"))
	require.Equal(t, failed, span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)
}

func TestTheGuardKeepsThePromisesOfWhatItGuards(t *testing.T) {
	inner := markettest.NewProvider()
	g := guard.New("sandbox", inner, quick(), start(t, ""))
	amount := market.Money{Amount: 500, Currency: market.EUR}
	intent, err := g.CreateIntent(t.Context(), market.PaymentRequest{PaymentID: "payment-1", Amount: amount, IdempotencyKey: "payment-1"})
	require.NoError(t, err)
	require.Equal(t, market.PaymentSucceeded, intent.State)
	again, err := g.GetIntent(t.Context(), intent.ProviderRef)
	require.NoError(t, err)
	require.Equal(t, intent, again)
	refund, err := g.Refund(t.Context(), market.RefundRequest{ProviderRef: intent.ProviderRef, Amount: amount, IdempotencyKey: "refund-1"})
	require.NoError(t, err)
	require.Equal(t, market.PaymentRefunded, refund.State)
	same, err := g.GetRefund(t.Context(), refund.ProviderRef)
	require.NoError(t, err)
	require.Equal(t, refund, same)
	_, err = g.CancelIntent(t.Context(), "pi_none")
	require.ErrorIs(t, err, market.ErrNotFound)
}
