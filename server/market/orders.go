package market

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// OrderQuery picks orders, the newest first. Empty fields do not narrow the choice.
type OrderQuery struct {
	Paging
	CustomerID  string
	MarketDayID string
	State       OrderState
	// RefundFailed picks those of which money could not be given back.
	RefundFailed bool
}

// Order returns one order. It fails with ErrNotFound, for somebody else's order too.
func (c *Checkout) Order(ctx context.Context, actor Actor, id string) (Order, error) {
	order, err := c.store.Order(ctx, strings.ToLower(id))
	if err != nil {
		return Order{}, err
	}
	if err := order.mustBeSeenBy(actor); err != nil {
		return Order{}, err
	}
	return order, nil
}

// OrderByKey returns the order that the actor placed with the idempotency key. It fails with ErrNotFound when nothing was
// ordered with that key, nor is being ordered: it waits for a request that is under way, and fails with ErrInProgress when
// that has not ended in time.
func (c *Checkout) OrderByKey(ctx context.Context, actor Actor, key string) (Order, error) {
	if err := validateKey(key); err != nil {
		return Order{}, err
	}
	order, err := c.store.OrderByKey(ctx, actor.ID, key)
	if !errors.Is(err, ErrNotFound) {
		return order, err
	}
	end, err := c.placing.take(ctx, RequestKey{AccountID: actor.ID, Operation: placeOperation, Key: key})
	if err != nil {
		return Order{}, err
	}
	defer end()
	err = c.atomically(ctx, "wait for a request with the idempotency key", func(ctx context.Context, tx CheckoutTx) error {
		return tx.HoldKey(ctx, actor.ID, key)
	})
	if err != nil {
		return Order{}, err
	}
	return c.store.OrderByKey(ctx, actor.ID, key)
}

// Orders returns a page of the orders that the actor may see: its own, or all for who runs the markets. It fails with
// ErrInvalid.
func (c *Checkout) Orders(ctx context.Context, actor Actor, query OrderQuery) (Page[Order], error) {
	if query.State != "" && !query.State.Valid() {
		return Page[Order]{}, &InvalidError{Field: "state", Rule: "be one of " + list(OrderStates()), Value: query.State}
	}
	if !actor.manages() {
		query.CustomerID = actor.ID
	}
	query.MarketDayID = strings.ToLower(query.MarketDayID)
	picks := []string{"orders", query.CustomerID, query.MarketDayID, string(query.State), strconv.FormatBool(query.RefundFailed)}
	var err error
	if query.Paging, err = query.normalize(picks); err != nil {
		return Page[Order]{}, err
	}
	page, err := c.store.Orders(ctx, query)
	return withNext(page, err, picks)
}

// mustBeSeenBy hides the orders of others.
func (o *Order) mustBeSeenBy(actor Actor) error {
	if o.CustomerID != actor.ID && !actor.manages() {
		return &NotFoundError{Kind: "order", ID: o.ID}
	}
	return nil
}

// Cancel ends an order and gives its units back; what was paid is refunded. A customer can until the window closes, for
// then the harvest begins; who runs the markets can until the order is packed. Cancelling a cancelled order again changes
// nothing. It fails with ErrNotFound and ErrConflict.
func (c *Checkout) Cancel(ctx context.Context, actor Actor, id string) (Order, error) {
	return c.change(ctx, actor, id, "cancel an order", func(ctx context.Context, tx CheckoutTx, order *Order) error {
		if order.State == OrderCancelled {
			return nil
		}
		now := c.clock.Now()
		if !actor.manages() {
			day, err := tx.MarketDay(ctx, order.MarketDayID)
			if err != nil {
				return err
			}
			if state := day.State(now); state != DayOpen && order.State.CanBecome(OrderCancelled) {
				return &ConflictError{Kind: "order", ID: order.ID, Reason: "cannot be cancelled: its market day has closed and the harvest has begun"}
			}
		}
		return c.end(ctx, tx, order, OrderCancelled, now)
	})
}

// Pack says that the order is ready to be collected. It fails with ErrForbidden, ErrNotFound and ErrConflict.
func (c *Checkout) Pack(ctx context.Context, actor Actor, id string) (Order, error) {
	return c.hand(ctx, actor, id, OrderPacked)
}

// Collect says that the customer has the order. It fails with ErrForbidden, ErrNotFound and ErrConflict.
func (c *Checkout) Collect(ctx context.Context, actor Actor, id string) (Order, error) {
	return c.hand(ctx, actor, id, OrderCollected)
}

// hand moves an order on at the stall. Saying it twice changes nothing.
func (c *Checkout) hand(ctx context.Context, actor Actor, id string, next OrderState) (Order, error) {
	if err := actor.mustManage("mark orders as " + string(next)); err != nil {
		return Order{}, err
	}
	return c.change(ctx, actor, id, "mark an order as "+string(next), func(ctx context.Context, tx CheckoutTx, order *Order) error {
		if order.State == next {
			return nil
		}
		if err := order.become(next, c.clock.Now()); err != nil {
			return err
		}
		return tx.SaveOrderState(ctx, *order)
	})
}

// change locks the order, which the actor must be allowed to see, and lets step alter it.
func (c *Checkout) change(ctx context.Context, actor Actor, id, doing string,
	step func(ctx context.Context, tx CheckoutTx, order *Order) error,
) (order Order, err error) {
	var before OrderState
	err = c.atomically(ctx, doing, func(ctx context.Context, tx CheckoutTx) error {
		order, err = tx.LockOrder(ctx, strings.ToLower(id))
		if err != nil {
			return err
		}
		before = order.State
		if err := order.mustBeSeenBy(actor); err != nil {
			return err
		}
		return step(ctx, tx, &order)
	})
	if err != nil {
		return Order{}, err
	}
	if order.State != before {
		c.observer.OrderBecame(order)
	}
	return order, nil
}

// end cancels or expires a locked order: its units go back, once, for no order leaves these states; a captured payment is
// given back; an open one is called off by AttendPayments.
func (c *Checkout) end(ctx context.Context, tx CheckoutTx, order *Order, state OrderState, now time.Time) error {
	if err := order.become(state, now); err != nil {
		return err
	}
	if err := tx.SaveOrderState(ctx, *order); err != nil {
		return err
	}
	if paid := order.paid(); paid != nil {
		paid.giveBack(RefundCancelled, now)
		if err := tx.SavePayment(ctx, order.CustomerID, *paid); err != nil {
			return err
		}
	}
	if open := order.openPayment(); open != nil {
		open.NextAttemptAt, open.Attempts = now, 0
		if err := tx.SavePayment(ctx, order.CustomerID, *open); err != nil {
			return err
		}
	}
	if _, err := tx.LockOfferings(ctx, order.MarketDayID, order.offerings()); err != nil {
		return err
	}
	return tx.MoveStock(ctx, order.stock(1))
}
