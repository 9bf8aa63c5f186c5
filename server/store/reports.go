package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// bringing are the states of orders that are harvested and packed for.
func bringing() []market.OrderState {
	return []market.OrderState{market.OrderPaid, market.OrderPacked, market.OrderCollected}
}

// HarvestLines sums what the farms bring to a market day: those that the account owns, or all where it is empty.
func (s *Store) HarvestLines(ctx context.Context, dayID, ownerID string) ([]market.HarvestLine, error) {
	var rows []struct {
		FarmID        string
		FarmName      string
		ProductID     string
		Name          string
		UnitLabel     string
		Quantity      int64
		Orders        int
		TotalAmount   int64
		TotalCurrency string
	}
	// A farm has one name, that of now, so that its lines are together and add up. The products' names are those of the orders:
	// one that was renamed in between has a line for each name, as its customers do.
	query := s.db.NewSelect().TableExpr("orders AS r").
		Join("JOIN order_lines AS l ON l.order_id = r.id").Join("JOIN farms AS f ON f.id = l.farm_id").
		ColumnExpr("f.id AS farm_id, f.name AS farm_name, l.product_id, l.name, l.unit_label").
		ColumnExpr("CAST(SUM(l.quantity) AS BIGINT) AS quantity, COUNT(*) AS orders").
		ColumnExpr("CAST(SUM(l.total_amount) AS BIGINT) AS total_amount, l.price_currency AS total_currency").
		Where("r.market_day_id = ?", dayID).Where("r.state IN (?)", bun.List(bringing())).
		GroupExpr("f.sort_name, f.id, f.name, l.product_id, l.name, l.unit_label, l.price_currency").
		OrderExpr("f.sort_name, f.id, l.name, l.product_id, l.unit_label")
	if ownerID != "" {
		query = query.Where("l.farm_id IN (SELECT f.id FROM farms AS f WHERE f.owner_id = ?)", ownerID)
	}
	err := s.run(ctx, "sum up the harvest for market day "+dayID, func(ctx context.Context) error { return query.Scan(ctx, &rows) })
	if err != nil {
		return nil, err
	}
	lines := make([]market.HarvestLine, len(rows))
	for i := range rows {
		row := &rows[i]
		lines[i] = market.HarvestLine{
			FarmID: row.FarmID, FarmName: row.FarmName, ProductID: row.ProductID, Name: row.Name, UnitLabel: row.UnitLabel,
			Quantity: row.Quantity, Orders: row.Orders,
			Total: market.Money{Amount: row.TotalAmount, Currency: market.Currency(row.TotalCurrency)},
		}
	}
	return lines, nil
}

// PackingLines returns the lines of all orders of a market day that are packed, by slot, order and number.
func (s *Store) PackingLines(ctx context.Context, dayID string) ([]market.PackingLine, error) {
	var rows []struct {
		SlotID     string
		SlotLabel  string
		StartsAt   string
		EndsAt     string
		OrderID    string
		CustomerID string
		Customer   string
		State      market.OrderState
		FarmName   string
		Name       string
		UnitLabel  string
		Quantity   int64
	}
	query := s.db.NewSelect().TableExpr("orders AS r").
		Join("JOIN pickup_slots AS s ON s.id = r.slot_id").Join("JOIN order_lines AS l ON l.order_id = r.id").
		Join("LEFT JOIN accounts AS c ON c.id = r.customer_id").
		ColumnExpr("s.id AS slot_id, s.label AS slot_label, s.starts_at, s.ends_at").
		ColumnExpr("r.id AS order_id, r.customer_id, COALESCE(c.name, '') AS customer, r.state").
		ColumnExpr("l.farm_name, l.name, l.unit_label, l.quantity").
		Where("r.market_day_id = ?", dayID).Where("r.state IN (?)", bun.List(bringing())).
		OrderExpr("s.starts_at, s.id, r.id, l.number")
	err := s.run(ctx, "list what is packed for market day "+dayID, func(ctx context.Context) error { return query.Scan(ctx, &rows) })
	if err != nil {
		return nil, err
	}
	lines := make([]market.PackingLine, len(rows))
	for i := range rows {
		lines[i] = market.PackingLine(rows[i])
	}
	return lines, nil
}
