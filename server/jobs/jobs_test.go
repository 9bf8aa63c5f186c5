package jobs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

const (
	patience = 30 * time.Second
	soon     = time.Millisecond
)

func newTelemetry(t *testing.T) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	return tel
}

func metrics(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

func TestAJobIsRunAgainWhateverItsLastRunCameTo(t *testing.T) {
	for name, run := range map[string]func() (int, error){
		"there was nothing to do": func() (int, error) { return 0, nil },
		"there was much to do":    func() (int, error) { return 100, nil },
		"it failed":               func() (int, error) { return 0, errors.New("no") },
		"it panicked":             func() (int, error) { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			var runs atomic.Int64
			runner := jobs.Start(t.Context(), newTelemetry(t), jobs.Job{
				Name: "audit", Interval: soon, Run: func(context.Context) (int, error) { runs.Add(1); return run() },
			})
			defer runner.Stop()
			require.Eventually(t, func() bool { return runs.Load() > 3 }, patience, soon)
		})
	}
}

func TestAStopLetsARunFinishAndNoOtherBegin(t *testing.T) {
	var runs atomic.Int64
	began, ended := make(chan struct{}), atomic.Bool{}
	runner := jobs.Start(t.Context(), newTelemetry(t), jobs.Job{Name: "audit", Interval: soon, Run: func(ctx context.Context) (int, error) {
		if runs.Add(1) == 1 {
			close(began)
		}
		<-ctx.Done()
		ended.Store(true)
		return 1, nil
	}})
	<-began
	runner.Stop()
	require.True(t, ended.Load())
	require.EqualValues(t, 1, runs.Load())
}

func TestJobsOutliveTheSignalToStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var runs atomic.Int64
	runner := jobs.Start(ctx, newTelemetry(t), jobs.Job{
		Name: "audit", Interval: soon, Run: func(context.Context) (int, error) { runs.Add(1); return 0, nil },
	})
	defer runner.Stop()
	require.Eventually(t, func() bool { return runs.Load() > 3 }, patience, soon, "requests are still answered")
}

func TestTheJobsExpireHoldsAndCloseDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fair := markettest.NewFair(t, s, 5)
		order, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(5))
		require.NoError(t, err)
		tel := newTelemetry(t)
		runner := jobs.Start(t.Context(), tel,
			jobs.Job{Name: "expire-holds", Interval: soon, Run: fair.Checkout.ExpireHolds},
			jobs.Job{Name: "close-days", Interval: soon, Run: fair.Checkout.CloseDays})
		defer runner.Stop()
		fair.Clock.Set(order.HoldExpiresAt)
		require.Eventually(t, func() bool { return fair.Available(t, 0) == 5 }, patience, soon)
		fair.Clock.Set(fair.Day.ClosesAt)
		require.Eventually(t, func() bool {
			day, err := fair.Plan.MarketDay(t.Context(), fair.Day.ID)
			return err == nil && day.State(fair.Clock.Now()) == market.DayClosed
		}, patience, soon)
		require.Contains(t, metrics(t, tel), `market_job_duration_seconds_count{error_type="",job_name="close-days"}`)
	})
}

func TestTheAuditFindsWhatBreaksARule(t *testing.T) {
	for name, test := range map[string]struct{ harm, finds string }{
		"nothing":            {"SELECT 1", ""},
		"a unit leaks":       {"UPDATE offerings SET available = available - 1", "stock_conserved"},
		"a total is wrong":   {"UPDATE orders SET total_amount = total_amount + 1 WHERE state = 'pending_payment'", "totals_equal_lines"},
		"a payment vanishes": {"DELETE FROM payments", "payments_match_orders"},
		"an order is paid twice": {
			"DROP INDEX payments_that_pay; INSERT INTO payments SELECT 'x' || substr(id, 2), order_id, customer_id, amount, currency, method, " +
				"state, NULL, client_secret, failure, refund_reason, 'second', request_hash, lease_expires_at, next_attempt_at, attempts, " +
				"created_at, updated_at, unasked, refund_try, refund_ref, refund_failure FROM payments", "one_payment_per_order",
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				fair := markettest.NewFairAt(t, s, time.Now().UTC().Truncate(time.Second), 5)
				buyer := markettest.Buyer()
				paid, _, err := fair.Checkout.Place(t.Context(), buyer, fair.Want(2))
				require.NoError(t, err)
				_, _, _, err = fair.Checkout.Pay(t.Context(), buyer, market.PayRequest{OrderID: paid.ID, IdempotencyKey: "p"})
				require.NoError(t, err)
				_, _, err = fair.Checkout.Place(t.Context(), buyer, fair.Want(2))
				require.NoError(t, err)
				for statement := range strings.SplitSeq(test.harm, "; ") {
					_, err = s.DB().ExecContext(t.Context(), statement)
					require.NoError(t, err)
				}
				tel := newTelemetry(t)
				_, err = jobs.NewAuditor(s, tel).Run(t.Context())
				require.NoError(t, err)
				require.Contains(t, metrics(t, tel), `market_orders_open{state="paid"} 1`)
				require.Contains(t, metrics(t, tel), `market_orders_open{state="pending_payment"} 1`)
				require.Contains(t, metrics(t, tel), `market_refunds_open{state="refund_failed"} 0`)
				for _, invariant := range []string{"stock_conserved", "totals_equal_lines", "payments_match_orders", "one_payment_per_order"} {
					want := "0"
					if invariant == test.finds {
						want = "1"
					}
					require.Contains(t, metrics(t, tel), `market_invariant_violations{invariant="`+invariant+`"} `+want)
				}
			})
		})
	}
}

func TestTheAuditCountsWhatCustomersAreStillOwed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fair := markettest.NewFairAt(t, s, time.Now().UTC().Truncate(time.Second), 5)
		for _, state := range []market.PaymentState{market.PaymentRefunded, market.PaymentRefunding, market.PaymentRefundFailed} {
			buyer := markettest.Buyer()
			fair.Provider.AnswerRefunds(state)
			order, _, err := fair.Checkout.Place(t.Context(), buyer, fair.Want(1))
			require.NoError(t, err)
			_, _, _, err = fair.Checkout.Pay(t.Context(), buyer, market.PayRequest{OrderID: order.ID, IdempotencyKey: "p"})
			require.NoError(t, err)
			_, err = fair.Checkout.Cancel(t.Context(), buyer, order.ID)
			require.NoError(t, err)
			_, err = fair.Checkout.AttendPayments(t.Context())
			require.NoError(t, err)
		}
		tel := newTelemetry(t)
		_, err := jobs.NewAuditor(s, tel).Run(t.Context())
		require.NoError(t, err)
		require.Contains(t, metrics(t, tel), `market_refunds_open{state="refunding"} 1`)
		require.Contains(t, metrics(t, tel), `market_refunds_open{state="refund_failed"} 1`)
	})
}
