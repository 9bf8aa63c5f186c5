package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// bareOrders places orders with nothing but the statements of the market's transaction, straight through bun. They are
// recorded while the market's own code places an order, one for each basket, and issued again with an id, a key, a
// customer and times of their own.
type bareOrders struct {
	store   *store.Store
	db      *bun.DB
	baskets [][]statement
	// writing holds one token where the database is SQLite: it has one writer at a time, and many that wait in SQLite are
	// slower than many that wait here.
	writing chan struct{}
}

// statement is one of a transaction. What differs from order to order is ?0, ?1 and so on: the fields of an order.
type statement struct {
	text  string
	reads bool
}

// fields are the values of an order that differ from others of the same basket, in the order of the parameters.
func fields(id, key, customer string, placed, hold time.Time) []any {
	return []any{id, key, customer, customer + " " + key, placed, hold}
}

// holdTime is how long an order holds its units, and grace how much longer than its day: the server's defaults.
const holdTime, grace = 15 * time.Minute, 10 * time.Minute

func openBare(ctx context.Context, url string, c *crowd) (*bareOrders, error) {
	opened, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, err
	}
	b := &bareOrders{store: opened, db: opened.DB()}
	if b.db.Dialect().Name() == dialect.SQLite {
		b.writing = make(chan struct{}, 1)
	}
	for basket := range c.baskets {
		statements, err := record(ctx, url, c, basket)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("record the statements of an order: %w", err), opened.Close())
		}
		b.baskets = append(b.baskets, statements)
	}
	return b, nil
}

func (b *bareOrders) close() error { return b.store.Close() }

// place places an order of the basket, through the database that is given, and returns its id.
func (b *bareOrders) place(ctx context.Context, db *bun.DB, basket int, customer string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	args := fields(id.String(), uuid.NewString(), customer, now, now.Add(holdTime))
	if b.writing != nil {
		b.writing <- struct{}{}
		defer func() { <-b.writing }()
	}
	return id.String(), db.RunInTx(ctx, &sql.TxOptions{}, func(ctx context.Context, tx bun.Tx) error {
		for _, s := range b.baskets[basket] {
			if err := s.issue(ctx, tx, args); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s statement) issue(ctx context.Context, tx bun.Tx, args []any) (err error) {
	if !s.reads {
		_, err := tx.ExecContext(ctx, s.text, args...)
		return err
	}
	rows, err := tx.QueryContext(ctx, s.text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	into, values := make([]any, len(columns)), make([]any, len(columns))
	for i := range into {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// record has the market's own code place an order of the basket, and returns the statements of its transaction.
func record(ctx context.Context, url string, c *crowd, basket int) (statements []statement, err error) {
	watched, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, watched.Close()) }()
	seen := &recorder{}
	watched.Observe(seen)
	checkout := market.NewCheckout(watched, nil, market.SystemClock{}, unheard{}, market.CheckoutRules{Hold: holdTime, Grace: grace})
	buyer, key := market.Actor{ID: c.customers[0].id, Role: market.Customer}, uuid.NewString()
	order, _, err := checkout.Place(ctx, buyer, c.placement(basket, key))
	if err != nil {
		return nil, err
	}
	return seen.statements(fields(order.ID, key, buyer.ID, order.PlacedAt, order.HoldExpiresAt))
}

// unheard is told of a placed order, and of nothing else: nothing else happens.
type unheard struct{ market.Observer }

func (unheard) OrderBecame(market.Order) {}

// recorder is a hook that keeps what it sees.
type recorder struct{ events []*bun.QueryEvent }

func (r *recorder) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (r *recorder) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	r.events = append(r.events, event)
}

// statements are those of the one transaction that was seen, with parameters in place of the values.
func (r *recorder) statements(values []any) (found []statement, err error) {
	last := len(r.events) - 1
	if last < 1 || r.events[0].Query != "BEGIN" || r.events[last].Query != "COMMIT" {
		return nil, errors.New("it is not one transaction")
	}
	gen := r.events[0].DB.QueryGen()
	parameters := []string{"?", `\?`} // one that is in the text stays there
	for i, value := range values {
		parameters = append(parameters, gen.FormatQuery("?", value), fmt.Sprintf("?%d", i))
	}
	replacer := strings.NewReplacer(parameters...)
	for _, event := range r.events[1:last] {
		_, reads := event.IQuery.(*bun.SelectQuery)
		reads = reads || strings.Contains(event.Query, " RETURNING ")
		found = append(found, statement{text: replacer.Replace(event.Query), reads: reads})
	}
	return found, nil
}
