package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CheckoutStore is what ordering needs of a database. Its errors are of the kinds in this package.
type CheckoutStore interface {
	// Atomically runs the steps in one transaction: all of what they do is kept, or, when they fail, none of it. doing
	// names it in errors.
	Atomically(ctx context.Context, doing string, steps func(ctx context.Context, tx CheckoutTx) error) error

	Order(ctx context.Context, id string) (Order, error)
	OrderByKey(ctx context.Context, customerID, key string) (Order, error)
	Orders(ctx context.Context, query OrderQuery) (Page[Order], error)
	// FindPayment looks a payment up by its id or, where that is empty, by the provider's.
	FindPayment(ctx context.Context, id, providerRef string) (PaymentPlace, error)

	// HeldOrders returns the ids of orders whose hold has expired, the oldest first.
	HeldOrders(ctx context.Context, now time.Time, limit int) ([]string, error)
	// EndedDays returns the ids of the days whose window is over and that are not closed.
	EndedDays(ctx context.Context, now time.Time) ([]string, error)
	// DuePayments returns the payments about which the provider is to be asked again, the longest due first.
	DuePayments(ctx context.Context, now time.Time, limit int) ([]PaymentPlace, error)

	// ForgetOutcomes deletes outcomes that have expired, and returns how many it did.
	ForgetOutcomes(ctx context.Context, now time.Time, limit int) (int, error)
	// ForgetEvents deletes the ids of events that came before the time, and returns how many it did.
	ForgetEvents(ctx context.Context, before time.Time, limit int) (int, error)
}

// PaymentPlace says which order a payment belongs to.
type PaymentPlace struct {
	OrderID   string
	PaymentID string
}

// CheckoutTx is a transaction. To be free of deadlocks, what is locked is locked in one order: the market day, the order,
// the offerings by id.
type CheckoutTx interface {
	// HoldKey waits for the transactions that place an order for the customer with the key, and lets others wait until this
	// one ends. It fails with ErrInProgress when it has waited for too long for another process.
	HoldKey(ctx context.Context, customerID, key string) error
	// HoldWindow holds the key, and returns the market day and whether its market has the slot. Until the transaction ends,
	// both stay as they are. It fails as HoldKey does, and with ErrDuplicate when the customer has used the key.
	HoldWindow(ctx context.Context, request Placement) (day MarketDay, hasSlot bool, err error)
	// LockDay locks the day alone, and counts its orders that wait to be paid.
	LockDay(ctx context.Context, id string) (day MarketDay, pending int, err error)
	CloseDay(ctx context.Context, id string, at time.Time) error
	MarketDay(ctx context.Context, id string) (MarketDay, error)

	// LockOfferings locks the day's offerings with the ids and returns them by id, on sale or not. Those that there are not
	// are missing.
	LockOfferings(ctx context.Context, dayID string, ids []string) ([]Offering, error)
	// MoveStock adds to the available units of locked offerings.
	MoveStock(ctx context.Context, moves []StockMove) error

	AddOrder(ctx context.Context, order Order) error
	OrderByKey(ctx context.Context, customerID, key string) (Order, error)
	LockOrder(ctx context.Context, id string) (Order, error)
	SaveOrderState(ctx context.Context, order Order) error

	// SavePayment adds or changes a payment of a locked order. It fails with ErrDuplicate when the customer has used the
	// key for another.
	SavePayment(ctx context.Context, customerID string, payment Payment) error

	// Outcome returns what is kept for the account's key, whatever its request was. It fails with ErrNotFound.
	Outcome(ctx context.Context, key RequestKey) (KeptOutcome, error)
	// KeepOutcome keeps the outcome, unless there is one.
	KeepOutcome(ctx context.Context, outcome KeptOutcome) error
	// AddEvent keeps the event's id. It fails with ErrEventSeen when it has it.
	AddEvent(ctx context.Context, event PaymentEvent, at time.Time) error
}

// StockMove adds units to what is available of an offering; a negative number takes them.
type StockMove struct {
	OfferingID string
	Units      int64
}

// ErrDuplicate says that a store has a row with that key.
var ErrDuplicate = errors.New("there is one already")

// Observer is told what happens to orders, once it is certain.
type Observer interface {
	OrderBecame(order Order)
	SoldOut(*SoldOutError)
	// PaymentBecame is told of a payment that is in another state than before.
	PaymentBecame(ctx context.Context, payment Payment)
	// Attending is told when the market turns to an order, a payment or a market day by itself. It returns the context in
	// which that is done, and whom to tell how it ended.
	Attending(ctx context.Context, id string) (context.Context, func(error))
}

// CheckoutRules bound how long things are waited for.
type CheckoutRules struct {
	Hold  time.Duration // an unpaid order keeps its units this long
	Grace time.Duration // and never longer than this after the window has closed
}

// latestHold is when the last unpaid order of the day gives its units back.
func (r CheckoutRules) latestHold(day MarketDay) time.Time { return day.ClosesAt.Add(r.Grace) }

// Checkout takes orders from being placed to being collected.
type Checkout struct {
	store    CheckoutStore
	payments PaymentProvider
	clock    Clock
	observer Observer
	rules    CheckoutRules
	placing  turns
}

// NewCheckout returns the checkout of the orders kept in the store.
func NewCheckout(store CheckoutStore, payments PaymentProvider, clock Clock, observer Observer, rules CheckoutRules) *Checkout {
	return &Checkout{store: store, payments: payments, clock: clock, observer: observer, rules: rules}
}

// Placement is what a customer wants to order.
type Placement struct {
	CustomerID     string
	IdempotencyKey string // 1 to 255 visible ASCII characters
	MarketDayID    string
	SlotID         string
	Lines          []WantedLine
}

// WantedLine is one product of a placement.
type WantedLine struct {
	OfferingID string
	Quantity   int64 // 1 to MaxQuantity
}

// of makes the placement the actor's, and writes ids as the store does.
func (p Placement) of(actor Actor) Placement {
	p.CustomerID = actor.ID
	p.MarketDayID, p.SlotID = strings.ToLower(p.MarketDayID), strings.ToLower(p.SlotID)
	p.Lines = slices.Clone(p.Lines)
	for i := range p.Lines {
		p.Lines[i].OfferingID = strings.ToLower(p.Lines[i].OfferingID)
	}
	return p
}

func (p *Placement) validate() error {
	if len(p.Lines) == 0 || len(p.Lines) > MaxLines {
		return &InvalidError{Field: "lines", Rule: fmt.Sprintf("be 1 to %d", MaxLines), Value: len(p.Lines)}
	}
	seen := map[string]bool{}
	for i, line := range p.Lines {
		if seen[line.OfferingID] {
			return &InvalidError{Field: fmt.Sprintf("lines[%d].offering_id", i), Rule: "be in one line only", Value: line.OfferingID}
		}
		seen[line.OfferingID] = true
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			return &InvalidError{
				Field: fmt.Sprintf("lines[%d].quantity", i), Rule: fmt.Sprintf("be 1 to %d", MaxQuantity), Value: line.Quantity,
			}
		}
	}
	return nil
}

// Place takes an order: it holds the units until the order is paid. Repeated with the same key it has the outcome that it
// had at first, the order as it was placed or the same refusal, and replayed is true. It fails with ErrInvalid, with
// ErrNotFound for a day, slot or offering that there is not, with a *WindowError, with a *WithdrawnError, with a
// *SoldOutError, with ErrKeyReused, and with ErrInProgress when the first request with the key has not ended in time.
func (c *Checkout) Place(ctx context.Context, actor Actor, placement Placement) (order Order, replayed bool, err error) {
	placement = placement.of(actor)
	key, err := newRequestKey(actor, placeOperation, placement.IdempotencyKey, placement.MarketDayID, placement.SlotID, placement.Lines)
	if err != nil {
		return Order{}, false, err
	}
	end, err := c.placing.take(ctx, key)
	if err != nil {
		return Order{}, false, err
	}
	defer end()
	var result outcome
	err = c.atomically(ctx, "place an order", func(ctx context.Context, tx CheckoutTx) error {
		result, err = c.placeOnce(ctx, tx, key, placement)
		return err
	})
	if err != nil {
		return Order{}, false, err
	}
	order, err = result.result()
	if !result.replayed {
		c.observe(order, err)
	}
	return order, result.replayed, err
}

// observe tells what came of a placement.
func (c *Checkout) observe(order Order, err error) {
	var soldOut *SoldOutError
	switch {
	case err == nil:
		c.observer.OrderBecame(order)
	case errors.As(err, &soldOut):
		c.observer.SoldOut(soldOut)
	}
}

// placeOnce places the order unless the key was used. A refusal has written nothing, so it is kept in the transaction that
// found it out.
func (c *Checkout) placeOnce(ctx context.Context, tx CheckoutTx, key RequestKey, placement Placement) (outcome, error) {
	order, err := c.place(ctx, tx, placement, key.Hash)
	if err == nil {
		return outcome{Order: &order}, nil
	}
	refused := refusalOf(err)
	if refused == nil && !errors.Is(err, ErrDuplicate) {
		return outcome{}, err
	}
	placed, lookupErr := tx.OrderByKey(ctx, key.AccountID, key.Key)
	switch {
	case lookupErr == nil:
		return outcome{Order: placed.asPlaced(), replayed: true}, key.mustMatch(placed.RequestHash)
	case !errors.Is(lookupErr, ErrNotFound):
		return outcome{}, lookupErr
	case refused == nil:
		return earlier(ctx, tx, key)
	}
	return c.keep(ctx, tx, key, outcome{Refusal: refused})
}

func (c *Checkout) place(ctx context.Context, tx CheckoutTx, placement Placement, requestHash string) (Order, error) {
	if err := placement.validate(); err != nil {
		return Order{}, err
	}
	day, hasSlot, err := tx.HoldWindow(ctx, placement)
	if err != nil {
		return Order{}, err
	}
	if !hasSlot {
		return Order{}, &NotFoundError{Kind: "pick-up slot of this market", ID: placement.SlotID}
	}
	now := c.clock.Now()
	if err := day.mustTakeOrders(now); err != nil {
		return Order{}, err
	}
	ids := make([]string, len(placement.Lines))
	for i, line := range placement.Lines {
		ids[i] = line.OfferingID
	}
	offered, err := tx.LockOfferings(ctx, day.ID, ids)
	if err != nil {
		return Order{}, err
	}
	order := Order{
		CustomerID: placement.CustomerID, MarketDayID: day.ID, SlotID: placement.SlotID, State: OrderPendingPayment,
		IdempotencyKey: placement.IdempotencyKey, RequestHash: requestHash,
		PlacedAt: now, UpdatedAt: now, HoldExpiresAt: c.holdUntil(day, now),
	}
	if order.ID, err = newID(); err != nil {
		return Order{}, err
	}
	if err := order.fill(placement.Lines, offered); err != nil {
		return Order{}, err
	}
	if err := tx.MoveStock(ctx, order.stock(-1)); err != nil {
		return Order{}, err
	}
	return order, tx.AddOrder(ctx, order)
}

// holdUntil is when an order placed now gives its units back.
func (c *Checkout) holdUntil(day MarketDay, now time.Time) time.Time {
	latest := c.rules.latestHold(day)
	if hold := now.Add(c.rules.Hold); hold.Before(latest) {
		return hold
	}
	return latest
}

// fill makes the lines out of what is wanted and what is on offer. It fails with ErrNotFound, with a *WithdrawnError that
// lists every product that is off sale, and with a *SoldOutError that lists every product of which there is not enough.
func (o *Order) fill(wanted []WantedLine, offered []Offering) error {
	var withdrawn []WithdrawnLine
	var short []Shortage
	for i, line := range wanted {
		at := slices.IndexFunc(offered, func(offering Offering) bool { return offering.ID == line.OfferingID })
		if at < 0 {
			return &NotFoundError{Kind: "offering of this market day", ID: line.OfferingID}
		}
		offering := offered[at]
		switch {
		case offering.Withdrawn():
			withdrawn = append(withdrawn, WithdrawnLine{Index: i, OfferingID: offering.ID, Name: offering.Name})
		case offering.Available < line.Quantity:
			short = append(short, Shortage{
				Index: i, OfferingID: offering.ID, Name: offering.Name, Wanted: line.Quantity, Available: offering.Available,
			})
		default:
			if err := o.add(i+1, line.Quantity, offering); err != nil {
				return err
			}
		}
	}
	switch {
	case len(withdrawn) > 0:
		return &WithdrawnError{Lines: withdrawn}
	case len(short) > 0:
		return &SoldOutError{Lines: short}
	}
	return o.checkTotal()
}

// add appends a line with the number.
func (o *Order) add(number int, quantity int64, of Offering) error {
	total, err := of.Price.Mul(quantity)
	if err != nil {
		return err
	}
	if len(o.Lines) == 0 {
		o.Total = Money{Currency: of.Price.Currency}
	}
	if o.Total, err = o.Total.Add(total); err != nil {
		return err
	}
	o.Lines = append(o.Lines, OrderLine{
		Number: number, OfferingID: of.ID, ProductID: of.ProductID, FarmID: of.FarmID, FarmName: of.FarmName,
		Name: of.Name, UnitLabel: of.Unit.Label, UnitPrice: of.Price, Quantity: quantity, Total: total,
	})
	return nil
}

// stock is what the order's lines move when it takes (sign -1) or gives back (sign 1) its units.
func (o *Order) stock(sign int64) []StockMove {
	moves := make([]StockMove, len(o.Lines))
	for i, line := range o.Lines {
		moves[i] = StockMove{OfferingID: line.OfferingID, Units: sign * line.Quantity}
	}
	return moves
}

// offerings returns the ids of what is ordered.
func (o *Order) offerings() []string {
	ids := make([]string, len(o.Lines))
	for i, line := range o.Lines {
		ids[i] = line.OfferingID
	}
	return ids
}
