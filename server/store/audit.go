package store

import (
	"context"
	"time"

	"github.com/farmersmarket/platform/server/market"
)

// The statements of the audit, each of which counts the rows that break one rule. A statement sees the database as it is
// at one moment, so none sees an order half done.
const (
	// CROSS JOIN makes SQLite begin with the days.
	auditStock = `SELECT count(*) FROM market_days AS d CROSS JOIN offerings AS o
		WHERE d.closes_at >= ? AND o.market_day_id = d.id AND o.quantity <> o.available + (
			SELECT COALESCE(SUM(l.quantity), 0) FROM order_lines AS l JOIN orders AS r ON r.id = l.order_id
			WHERE l.offering_id = o.id AND r.state NOT IN ('cancelled', 'expired'))`
	auditTotals = `SELECT count(*) FROM orders AS r WHERE r.placed_at >= ? AND r.total_amount <> (
		SELECT COALESCE(SUM(l.price_amount * l.quantity), 0) FROM order_lines AS l WHERE l.order_id = r.id)`
	auditPayments = `SELECT count(*) FROM orders AS r
		WHERE r.placed_at >= ? AND (r.state IN ('paid', 'packed', 'collected')) <> EXISTS (
			SELECT 1 FROM payments AS y WHERE y.order_id = r.id AND y.state = 'succeeded'
			AND y.amount = r.total_amount AND y.currency = r.total_currency)`
	auditDoubles = `SELECT count(*) FROM orders AS r WHERE r.placed_at >= ? AND 1 < (
		SELECT count(*) FROM payments AS y WHERE y.order_id = r.id AND y.state = 'succeeded')`
)

// Audit counts the rows that break a rule of the market, among those of market days that closed, and orders that were
// placed, since the time.
func (s *Store) Audit(ctx context.Context, since time.Time) (market.Audit, error) {
	var found market.Audit
	err := s.run(ctx, "audit the database", func(ctx context.Context) error {
		for _, check := range []struct {
			statement string
			into      *int
		}{
			{auditStock, &found.StockConserved},
			{auditTotals, &found.TotalsEqualLines},
			{auditPayments, &found.PaymentsMatchOrders},
			{auditDoubles, &found.OnePaymentPerOrder},
		} {
			if err := s.db.NewRaw(check.statement, since.UTC()).Scan(ctx, check.into); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// openOrders counts orders by the states from which they move on. It names the states, so that the index of such orders
// is enough to answer it.
const openOrders = `SELECT state, count(*) AS n FROM orders WHERE state IN ('pending_payment', 'paid', 'packed') GROUP BY state`

// openRefunds counts refunds that have not succeeded. It names the states for the same reason.
const openRefunds = `SELECT state, count(*) AS n FROM payments WHERE state IN ('refunding', 'refund_failed') GROUP BY state`

// OpenRefunds counts the payments that are still to be given back, by state.
func (s *Store) OpenRefunds(ctx context.Context) (map[market.PaymentState]int, error) {
	var rows []struct {
		State market.PaymentState
		N     int
	}
	err := s.run(ctx, "count open refunds", func(ctx context.Context) error { return s.db.NewRaw(openRefunds).Scan(ctx, &rows) })
	counts := map[market.PaymentState]int{market.PaymentRefunding: 0, market.PaymentRefundFailed: 0}
	for _, row := range rows {
		counts[row.State] = row.N
	}
	return counts, err
}

// OpenOrders counts the orders that are waiting to be paid, packed or collected, by state.
func (s *Store) OpenOrders(ctx context.Context) (map[market.OrderState]int, error) {
	var rows []struct {
		State market.OrderState
		N     int
	}
	err := s.run(ctx, "count open orders", func(ctx context.Context) error { return s.db.NewRaw(openOrders).Scan(ctx, &rows) })
	counts := map[market.OrderState]int{market.OrderPendingPayment: 0, market.OrderPaid: 0, market.OrderPacked: 0}
	for _, row := range rows {
		counts[row.State] = row.N
	}
	return counts, err
}
