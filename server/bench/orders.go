package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
)

// basketCount is how many different orders are placed, by all customers in turn.
const basketCount = 24

// orders compares orders over HTTP with the bare transaction, on one database.
func (r *ratios) orders(ctx context.Context, system string) (c comparison, err error) {
	run, err := openMeasured(ctx, system, r.server)
	if err != nil {
		return comparison{}, err
	}
	defer func() { err = errors.Join(err, run.close()) }()
	bare, err := openBare(ctx, run.db.url, run.crowd)
	if err != nil {
		return comparison{}, err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	if err := run.prove(ctx, bare); err != nil {
		return comparison{}, fmt.Errorf("compare one order of each side: %w", err)
	}
	if _, err := drive(ctx, r.length, bare.ordering(run.crowd)); err != nil {
		return comparison{}, fmt.Errorf("place the first orders: %w", err)
	}
	if err := run.settle(ctx); err != nil {
		return comparison{}, err
	}
	return compare(ctx, r.turns, r.length, run.ordering, bare.ordering(run.crowd))
}

// ordering is the side that orders over HTTP.
func (m *measured) ordering(ctx context.Context, end time.Time) (int, error) {
	conn, err := connect(ctx, m.server.address())
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return repeat(ctx, end, func() error {
		return m.order(conn, rand.IntN(basketCount), m.crowd.anybody(), uuid.NewString()) //nolint:gosec // no secret
	})
}

// ordering is the bare side of the same.
func (b *bareOrders) ordering(c *crowd) side {
	return func(ctx context.Context, end time.Time) (int, error) {
		return repeat(ctx, end, func() error {
			_, err := b.place(ctx, b.db, rand.IntN(basketCount), c.anybody().id) //nolint:gosec // no secret
			return err
		})
	}
}

func (m *measured) order(conn *connection, basket int, by customer, key string) error {
	body, err := json.Marshal(m.crowd.wanted(m.crowd.baskets[basket]))
	if err != nil {
		return err
	}
	return conn.ask(fmt.Sprintf("POST /api/v1/orders HTTP/1.1\r\nHost: market.example\r\nUser-Agent: bench\r\n"+
		"Content-Type: application/json\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s",
		by.token, key, len(body), body), "201")
}

// placement is the basket as the market's own code takes it.
func (c *crowd) placement(basket int, key string) market.Placement {
	placement := market.Placement{IdempotencyKey: key, MarketDayID: c.day, SlotID: c.slot}
	for _, id := range c.baskets[basket] {
		placement.Lines = append(placement.Lines, market.WantedLine{OfferingID: id, Quantity: 1})
	}
	return placement
}
