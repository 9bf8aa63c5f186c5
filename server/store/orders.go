package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type orderRow struct {
	bun.BaseModel `bun:"table:orders,alias:r"`

	ID             string    `bun:"id,pk"`
	CustomerID     string    `bun:"customer_id"`
	MarketDayID    string    `bun:"market_day_id"`
	SlotID         string    `bun:"slot_id"`
	State          string    `bun:"state"`
	TotalAmount    int64     `bun:"total_amount"`
	TotalCurrency  string    `bun:"total_currency"`
	IdempotencyKey string    `bun:"idempotency_key"`
	RequestHash    string    `bun:"request_hash"`
	PlacedAt       time.Time `bun:"placed_at"`
	HoldExpiresAt  time.Time `bun:"hold_expires_at"`
	FirstHold      time.Time `bun:"first_hold_expires_at,nullzero"`
	UpdatedAt      time.Time `bun:"updated_at"`
}

type lineRow struct {
	bun.BaseModel `bun:"table:order_lines,alias:l"`

	OrderID       string `bun:"order_id,pk"`
	Number        int    `bun:"number,pk"`
	OfferingID    string `bun:"offering_id"`
	ProductID     string `bun:"product_id"`
	FarmID        string `bun:"farm_id"`
	FarmName      string `bun:"farm_name"`
	Name          string `bun:"name"`
	UnitLabel     string `bun:"unit_label"`
	PriceAmount   int64  `bun:"price_amount"`
	PriceCurrency string `bun:"price_currency"`
	Quantity      int64  `bun:"quantity"`
	TotalAmount   int64  `bun:"total_amount"`
}

type paymentRow struct {
	bun.BaseModel `bun:"table:payments,alias:y"`

	ID             string    `bun:"id,pk"`
	OrderID        string    `bun:"order_id"`
	CustomerID     string    `bun:"customer_id"`
	Amount         int64     `bun:"amount"`
	Currency       string    `bun:"currency"`
	Method         string    `bun:"method"`
	State          string    `bun:"state"`
	ProviderRef    string    `bun:"provider_ref,nullzero"`
	ClientSecret   string    `bun:"client_secret"`
	Failure        string    `bun:"failure"`
	RefundReason   string    `bun:"refund_reason"`
	RefundTry      int       `bun:"refund_try"`
	RefundRef      string    `bun:"refund_ref"`
	RefundFailure  string    `bun:"refund_failure"`
	IdempotencyKey string    `bun:"idempotency_key"`
	RequestHash    string    `bun:"request_hash"`
	LeaseExpiresAt time.Time `bun:"lease_expires_at,nullzero"`
	NextAttemptAt  time.Time `bun:"next_attempt_at,nullzero"`
	Attempts       int       `bun:"attempts"`
	Unasked        bool      `bun:"unasked"`
	CreatedAt      time.Time `bun:"created_at"`
	UpdatedAt      time.Time `bun:"updated_at"`
}

func toOrderRow(o *market.Order) orderRow {
	return orderRow{
		ID: o.ID, CustomerID: o.CustomerID, MarketDayID: o.MarketDayID, SlotID: o.SlotID, State: string(o.State),
		TotalAmount: o.Total.Amount, TotalCurrency: string(o.Total.Currency),
		IdempotencyKey: o.IdempotencyKey, RequestHash: o.RequestHash,
		PlacedAt: o.PlacedAt.UTC(), HoldExpiresAt: o.HoldExpiresAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(),
	}
}

func (r orderRow) order() market.Order {
	return market.Order{
		ID: r.ID, CustomerID: r.CustomerID, MarketDayID: r.MarketDayID, SlotID: r.SlotID, State: market.OrderState(r.State),
		Total:          market.Money{Amount: r.TotalAmount, Currency: market.Currency(r.TotalCurrency)},
		IdempotencyKey: r.IdempotencyKey, RequestHash: r.RequestHash,
		PlacedAt: r.PlacedAt.UTC(), HoldExpiresAt: r.HoldExpiresAt.UTC(), FirstHoldExpiresAt: r.FirstHold.UTC(),
		UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// byPlacing is the order of orders.
var byPlacing = order{column: "placed_at", id: "id", descending: true, value: moment}

// place implements entry.
func (r orderRow) place(string) (id, key string) { return r.ID, writeMoment(r.PlacedAt) }

func toLineRows(o *market.Order) []lineRow {
	rows := make([]lineRow, len(o.Lines))
	for i, line := range o.Lines {
		rows[i] = lineRow{
			OrderID: o.ID, Number: line.Number, OfferingID: line.OfferingID, ProductID: line.ProductID, FarmID: line.FarmID,
			FarmName: line.FarmName, Name: line.Name, UnitLabel: line.UnitLabel,
			PriceAmount: line.UnitPrice.Amount, PriceCurrency: string(line.UnitPrice.Currency),
			Quantity: line.Quantity, TotalAmount: line.Total.Amount,
		}
	}
	return rows
}

func (r lineRow) line() market.OrderLine {
	currency := market.Currency(r.PriceCurrency)
	return market.OrderLine{
		Number: r.Number, OfferingID: r.OfferingID, ProductID: r.ProductID, FarmID: r.FarmID, FarmName: r.FarmName,
		Name: r.Name, UnitLabel: r.UnitLabel, Quantity: r.Quantity,
		UnitPrice: market.Money{Amount: r.PriceAmount, Currency: currency},
		Total:     market.Money{Amount: r.TotalAmount, Currency: currency},
	}
}

func toPaymentRow(customerID string, p market.Payment) paymentRow {
	return paymentRow{
		ID: p.ID, OrderID: p.OrderID, CustomerID: customerID, Amount: p.Amount.Amount, Currency: string(p.Amount.Currency),
		Method: p.Method, State: string(p.State), ProviderRef: p.ProviderRef, ClientSecret: p.ClientSecret,
		Failure: p.Failure, RefundReason: p.RefundReason, RefundTry: p.RefundTry, RefundRef: p.RefundRef,
		RefundFailure: p.RefundFailure, IdempotencyKey: p.IdempotencyKey, RequestHash: p.RequestHash,
		LeaseExpiresAt: p.LeaseExpiresAt.UTC(), NextAttemptAt: p.NextAttemptAt.UTC(), Attempts: p.Attempts, Unasked: p.Unasked,
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
}

func (r paymentRow) payment() market.Payment {
	return market.Payment{
		ID: r.ID, OrderID: r.OrderID, Amount: market.Money{Amount: r.Amount, Currency: market.Currency(r.Currency)},
		Method: r.Method, State: market.PaymentState(r.State), ProviderRef: r.ProviderRef, ClientSecret: r.ClientSecret,
		Failure: r.Failure, RefundReason: r.RefundReason, RefundTry: r.RefundTry, RefundRef: r.RefundRef,
		RefundFailure: r.RefundFailure, IdempotencyKey: r.IdempotencyKey, RequestHash: r.RequestHash,
		LeaseExpiresAt: r.LeaseExpiresAt.UTC(), NextAttemptAt: r.NextAttemptAt.UTC(), Attempts: r.Attempts, Unasked: r.Unasked,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// Order returns the order with the id, or fails with market.ErrNotFound.
func (s *Store) Order(ctx context.Context, id string) (market.Order, error) {
	return s.oneOrder(ctx, "order", id, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
}

// OrderByKey returns the order that the customer placed with the idempotency key, or fails with market.ErrNotFound.
func (s *Store) OrderByKey(ctx context.Context, customerID, key string) (market.Order, error) {
	return s.oneOrder(ctx, "order with the idempotency key", key, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("customer_id = ?", customerID).Where("idempotency_key = ?", key)
	})
}

func (s *Store) oneOrder(ctx context.Context, kind, id string, which func(*bun.SelectQuery) *bun.SelectQuery) (market.Order, error) {
	var order market.Order
	err := s.run(ctx, "get "+kind+" "+id, func(ctx context.Context) error {
		var err error
		order, err = selectOrder(ctx, s.db, s.db.NewSelect().Apply(which))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.Order{}, &market.NotFoundError{Kind: kind, ID: id}
	}
	return order, err
}

// selectOrder reads the order that the query picks, with its lines and payments.
func selectOrder(ctx context.Context, db bun.IDB, query *bun.SelectQuery) (market.Order, error) {
	var row orderRow
	if err := query.Model(&row).Scan(ctx); err != nil {
		return market.Order{}, err
	}
	found := []market.Order{row.order()}
	err := addParts(ctx, db, found)
	return found[0], err
}

// addParts reads the lines and payments of the orders.
func addParts(ctx context.Context, db bun.IDB, found []market.Order) error {
	if len(found) == 0 {
		return nil
	}
	position := map[string]int{}
	ids := make([]string, len(found))
	for i := range found {
		ids[i], position[found[i].ID] = found[i].ID, i
	}
	var lines []lineRow
	err := db.NewSelect().Model(&lines).Where("order_id IN (?)", bun.List(ids)).Order("order_id", "number").Scan(ctx)
	if err != nil {
		return err
	}
	for i := range lines {
		order := &found[position[lines[i].OrderID]]
		order.Lines = append(order.Lines, lines[i].line())
	}
	var payments []paymentRow
	err = db.NewSelect().Model(&payments).Where("order_id IN (?)", bun.List(ids)).Order("order_id", "created_at", "id").Scan(ctx)
	for i := range payments {
		order := &found[position[payments[i].OrderID]]
		order.Payments = append(order.Payments, payments[i].payment())
	}
	return err
}

// Orders returns a page of orders, the newest first. The query must be a valid one.
func (s *Store) Orders(ctx context.Context, query market.OrderQuery) (market.Page[market.Order], error) {
	page := market.Page[market.Order]{Paging: query.Paging}
	wanted := list[orderRow]{paging: query.Paging, order: byPlacing, filter: func(q *bun.SelectQuery) *bun.SelectQuery {
		if query.CustomerID != "" {
			q = q.Where("customer_id = ?", query.CustomerID)
		}
		if query.MarketDayID != "" {
			q = q.Where("market_day_id = ?", query.MarketDayID)
		}
		if query.State != "" {
			q = q.Where("state = ?", query.State)
		}
		if query.RefundFailed { // written as the index of such payments is, so that it is enough
			q = q.Where("id IN (SELECT y.order_id FROM payments AS y WHERE y.state IN ('refunding', 'refund_failed') AND y.state = 'refund_failed')")
		}
		return q
	}}
	err := s.run(ctx, "list orders", func(ctx context.Context) error {
		var rows []orderRow
		var err error
		if page.Extent, err = wanted.scan(ctx, s.db, &rows); err != nil {
			return err
		}
		page.Items = convert(rows, orderRow.order)
		return addParts(ctx, s.db, page.Items)
	})
	return page, err
}

// FindPayment looks a payment up by its id or, where that is empty, by the provider's. It fails with market.ErrNotFound.
func (s *Store) FindPayment(ctx context.Context, id, providerRef string) (market.PaymentPlace, error) {
	column, value := "id", id
	if id == "" {
		column, value = "provider_ref", providerRef
	}
	var row paymentRow
	err := s.run(ctx, "find payment "+value, func(ctx context.Context) error {
		return s.db.NewSelect().Model(&row).Column("id", "order_id").Where("? = ?", bun.Ident(column), value).Scan(ctx)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.PaymentPlace{}, &market.NotFoundError{Kind: "payment", ID: value}
	}
	return market.PaymentPlace{OrderID: row.OrderID, PaymentID: row.ID}, err
}

// HeldOrders returns the ids of orders whose hold has expired, the oldest first.
func (s *Store) HeldOrders(ctx context.Context, now time.Time, limit int) ([]string, error) {
	var ids []string
	err := s.run(ctx, "find expired holds", func(ctx context.Context) error {
		return s.db.NewSelect().Model((*orderRow)(nil)).Column("id").
			Where("state = ?", market.OrderPendingPayment).Where("hold_expires_at <= ?", now.UTC()).
			Order("hold_expires_at").Limit(int64(limit)).Scan(ctx, &ids)
	})
	return ids, err
}

// EndedDays returns the ids of the days whose window is over and that are not closed.
func (s *Store) EndedDays(ctx context.Context, now time.Time) ([]string, error) {
	var ids []string
	err := s.run(ctx, "find market days to close", func(ctx context.Context) error {
		return s.db.NewSelect().Model((*dayRow)(nil)).Column("id").
			Where("closed_at IS NULL").Where("closes_at <= ?", now.UTC()).Order("closes_at").Scan(ctx, &ids)
	})
	return ids, err
}

// DuePayments returns the payments about which the provider is to be asked, the longest due first.
func (s *Store) DuePayments(ctx context.Context, now time.Time, limit int) ([]market.PaymentPlace, error) {
	var rows []paymentRow
	err := s.run(ctx, "find payments to attend to", func(ctx context.Context) error {
		return s.db.NewSelect().Model(&rows).Column("id", "order_id").
			Where("next_attempt_at <= ?", now.UTC()).Order("next_attempt_at").Limit(int64(limit)).Scan(ctx)
	})
	return convert(rows, func(r paymentRow) market.PaymentPlace {
		return market.PaymentPlace{OrderID: r.OrderID, PaymentID: r.ID}
	}), err
}
