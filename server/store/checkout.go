package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/farmersmarket/platform/server/market"
)

// Atomically runs the steps in one transaction.
func (s *Store) Atomically(ctx context.Context, doing string, steps func(context.Context, market.CheckoutTx) error) error {
	return s.write(ctx, doing, func(ctx context.Context, tx bun.Tx) error { return steps(ctx, checkoutTx{tx}) })
}

// checkoutTx is a transaction of the checkout.
type checkoutTx struct{ tx bun.Tx }

// claim makes transactions with the same idempotency key come one after the other, so that a repeat finds what the first
// request has done in another process. It is a statement of its own: the next one sees what was committed while this one
// waited. Left to the unique index, a repeat would find out last, and wait for whoever changes the order while it holds the
// offerings that they wait for.
const claim = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"

// HoldKey implements market.CheckoutTx. On SQLite the transaction is the only one that writes.
func (c checkoutTx) HoldKey(ctx context.Context, customerID, key string) error {
	if c.tx.Dialect().Name() != dialect.PG {
		return nil
	}
	_, err := c.tx.ExecContext(ctx, claim, customerID+" "+key)
	if isTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(&market.InProgressError{Key: key}, err)
	}
	return err
}

// HoldWindow implements market.CheckoutTx.
func (c checkoutTx) HoldWindow(ctx context.Context, wanted market.Placement) (market.MarketDay, bool, error) {
	if err := c.HoldKey(ctx, wanted.CustomerID, wanted.IdempotencyKey); err != nil {
		return market.MarketDay{}, false, err
	}
	row := struct {
		dayRow  `bun:",extend"`
		HasSlot bool `bun:"has_slot,scanonly"`
		KeyUsed bool `bun:"key_used,scanonly"`
	}{}
	slot := locked(c.tx.NewSelect().TableExpr("pickup_slots AS s").ColumnExpr("1").
		Where("s.id = ?", wanted.SlotID).Where("s.market_id = d.market_id").Where("s.removed_at IS NULL"), forShare)
	query := c.tx.NewSelect().Model(&row).ColumnExpr("d.*").
		ColumnExpr("EXISTS (?) AS has_slot", slot).
		ColumnExpr("EXISTS (SELECT 1 FROM orders AS r WHERE r.customer_id = ? AND r.idempotency_key = ?) OR "+
			"EXISTS (SELECT 1 FROM idempotency_outcomes AS i WHERE i.account_id = ? AND i.operation = 'place' AND "+
			"i.idempotency_key = ?) AS key_used",
			wanted.CustomerID, wanted.IdempotencyKey, wanted.CustomerID, wanted.IdempotencyKey).
		Where("d.id = ?", wanted.MarketDayID)
	err := locked(query, forShare+" OF d").Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return market.MarketDay{}, false, &market.NotFoundError{Kind: "market day", ID: wanted.MarketDayID}
	case err == nil && row.KeyUsed:
		return market.MarketDay{}, false, market.ErrDuplicate
	}
	return row.day(), row.HasSlot, err
}

// LockDay implements market.CheckoutTx.
func (c checkoutTx) LockDay(ctx context.Context, id string) (market.MarketDay, int, error) {
	day, err := selectDay(ctx, c.tx, id, forUpdate)
	if err != nil {
		return market.MarketDay{}, 0, err
	}
	pending, err := c.tx.NewSelect().Model((*orderRow)(nil)).
		Where("market_day_id = ?", id).Where("state = ?", market.OrderPendingPayment).Count(ctx)
	return day, int(pending), err
}

// CloseDay implements market.CheckoutTx.
func (c checkoutTx) CloseDay(ctx context.Context, id string, at time.Time) error {
	_, err := c.tx.NewUpdate().Model((*dayRow)(nil)).Set("closed_at = ?", at.UTC()).Set("updated_at = ?", at.UTC()).
		Where("id = ?", id).Exec(ctx)
	return err
}

// MarketDay implements market.CheckoutTx.
func (c checkoutTx) MarketDay(ctx context.Context, id string) (market.MarketDay, error) {
	return selectDay(ctx, c.tx, id, "")
}

// LockOfferings implements market.CheckoutTx.
func (c checkoutTx) LockOfferings(ctx context.Context, dayID string, ids []string) ([]market.Offering, error) {
	var rows []offeringRow
	query := c.tx.NewSelect().Model(&rows).Apply(withProduct).
		Where("o.id IN (?)", bun.List(ids)).Where("o.market_day_id = ?", dayID).Order("o.id")
	err := locked(query, forNoKeyUpdate+" OF o").Scan(ctx)
	return convert(rows, offeringRow.offering), err
}

// MoveStock implements market.CheckoutTx.
func (c checkoutTx) MoveStock(ctx context.Context, moves []market.StockMove) error {
	values := make([]string, len(moves))
	args := make([]any, 0, 2*len(moves)) //nolint:mnd // two values a row
	for i, move := range moves {
		values[i] = "(?, ?)"
		args = append(args, move.OfferingID, move.Units)
	}
	// Both databases name the columns of VALUES column1 and column2.
	_, err := c.tx.NewUpdate().Model((*offeringRow)(nil)).Set("available = o.available + v.column2").
		TableExpr("(VALUES "+strings.Join(values, ", ")+") AS v", args...).Where("o.id = v.column1").Exec(ctx)
	return err
}

// AddOrder implements market.CheckoutTx.
func (c checkoutTx) AddOrder(ctx context.Context, order market.Order) error {
	row, lines := toOrderRow(&order), toLineRows(&order)
	if err := insert(ctx, c.tx.NewInsert().Model(&row)); err != nil {
		return err
	}
	_, err := c.tx.NewInsert().Model(&lines).Exec(ctx)
	return err
}

// OrderByKey implements market.CheckoutTx.
func (c checkoutTx) OrderByKey(ctx context.Context, customerID, key string) (market.Order, error) {
	order, err := selectOrder(ctx, c.tx, c.tx.NewSelect().Where("customer_id = ?", customerID).Where("idempotency_key = ?", key))
	if errors.Is(err, sql.ErrNoRows) {
		return market.Order{}, &market.NotFoundError{Kind: "order with the idempotency key", ID: key}
	}
	return order, err
}

// LockOrder implements market.CheckoutTx.
func (c checkoutTx) LockOrder(ctx context.Context, id string) (market.Order, error) {
	order, err := selectOrder(ctx, c.tx, locked(c.tx.NewSelect().Where("id = ?", id), forNoKeyUpdate))
	if errors.Is(err, sql.ErrNoRows) {
		return market.Order{}, &market.NotFoundError{Kind: "order", ID: id}
	}
	return order, err
}

// SaveOrderState implements market.CheckoutTx.
func (c checkoutTx) SaveOrderState(ctx context.Context, order market.Order) error {
	row := toOrderRow(&order)
	_, err := c.tx.NewUpdate().Model(&row).WherePK().Column("state", "updated_at").Exec(ctx)
	return err
}

// SavePayment implements market.CheckoutTx.
func (c checkoutTx) SavePayment(ctx context.Context, customerID string, payment market.Payment) error {
	row := toPaymentRow(customerID, payment)
	changing := []string{
		"state", "provider_ref", "client_secret", "failure", "refund_reason", "refund_try", "refund_ref", "refund_failure",
		"lease_expires_at", "next_attempt_at", "attempts", "unasked", "updated_at",
	}
	query := c.tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE")
	for column := range slices.Values(changing) {
		query = query.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	return insert(ctx, query)
}
