package market

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxLines bounds the lines of an order.
const MaxLines = 100

// Order is what one customer collects on one market day.
type Order struct {
	ID                 string // UUID
	CustomerID         string
	MarketDayID        string
	SlotID             string
	State              OrderState
	Total              Money // the sum of the lines
	IdempotencyKey     string
	RequestHash        string // of what was asked for with the key
	PlacedAt           time.Time
	HoldExpiresAt      time.Time // an order not paid by then gives its units back
	FirstHoldExpiresAt time.Time // as it was when the order was placed; zero when it still is
	UpdatedAt          time.Time
	Lines              []OrderLine // in the order of their numbers
	Payments           []Payment   // oldest first
}

// OrderLine is a product in an order, as it was when the order was placed.
type OrderLine struct {
	Number     int // from 1
	OfferingID string
	ProductID  string
	FarmID     string
	FarmName   string
	Name       string
	UnitLabel  string
	UnitPrice  Money
	Quantity   int64 // 1 to MaxQuantity
	Total      Money // UnitPrice times Quantity
}

// OrderState is how far an order has come.
type OrderState string

// The states of an order.
const (
	OrderPendingPayment OrderState = "pending_payment" // holds its units until it is paid or the hold expires
	OrderPaid           OrderState = "paid"
	OrderPacked         OrderState = "packed"
	OrderCollected      OrderState = "collected"
	OrderCancelled      OrderState = "cancelled"
	OrderExpired        OrderState = "expired" // was not paid in time
)

// orderTransitions says which state may follow which.
var orderTransitions = map[OrderState][]OrderState{
	OrderPendingPayment: {OrderPaid, OrderCancelled, OrderExpired},
	OrderPaid:           {OrderPacked, OrderCancelled},
	OrderPacked:         {OrderCollected},
	OrderCollected:      {},
	OrderCancelled:      {},
	OrderExpired:        {},
}

// OrderStates returns every state.
func OrderStates() []OrderState {
	return []OrderState{OrderPendingPayment, OrderPaid, OrderPacked, OrderCollected, OrderCancelled, OrderExpired}
}

// Valid reports whether there is such a state.
func (s OrderState) Valid() bool { return slices.Contains(OrderStates(), s) }

// CanBecome reports whether the other state may follow.
func (s OrderState) CanBecome(next OrderState) bool {
	return slices.Contains(orderTransitions[s], next)
}

// HoldsStock reports whether the units of an order in this state are the customer's.
func (s OrderState) HoldsStock() bool { return s != OrderCancelled && s != OrderExpired }

// become moves the order on. It fails with ErrConflict when the state does not allow it.
func (o *Order) become(next OrderState, now time.Time) error {
	if !o.State.CanBecome(next) {
		return &ConflictError{Kind: "order", ID: o.ID, Reason: fmt.Sprintf("is %s: it cannot become %s", o.State, next)}
	}
	o.State, o.UpdatedAt = next, now
	return nil
}

// Payment is one attempt to pay an order. It is stored before the provider is asked.
type Payment struct {
	ID             string // UUID; also the idempotency key towards the provider
	OrderID        string
	Amount         Money
	Method         string
	State          PaymentState
	ProviderRef    string // empty until the provider has answered
	ClientSecret   string
	Failure        string // why it failed, in words for the customer
	RefundReason   string // why the money is given back; empty when it is not
	RefundTry      int    // how often it was begun to give it back
	RefundRef      string // the provider's id of the last try; empty until it has answered
	RefundFailure  string // why the last try failed, in the provider's words
	IdempotencyKey string
	RequestHash    string
	// Provider calls are made by whoever holds the lease.
	LeaseExpiresAt time.Time
	// NextAttemptAt is when the market asks the provider again by itself; zero when there is nothing to ask.
	NextAttemptAt time.Time
	Attempts      int  // asked so far, by the market itself
	Unasked       bool // the provider has not been asked to take it: no call was let out
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Why a captured payment is given back.
const (
	RefundCancelled = "the order was cancelled"
	RefundLate      = "the payment came when the order had ended"
	RefundDuplicate = "the order was paid twice"
)

// overdue reports whether the order's hold has expired, be it ended already or not. The end of a hold is no part of it.
func (o *Order) overdue(now time.Time) bool {
	return o.State == OrderPendingPayment && !now.Before(o.HoldExpiresAt)
}

// mustWaitForPayment fails with ErrConflict when the order cannot be paid, or not any more.
func (o *Order) mustWaitForPayment(now time.Time) error {
	if o.overdue(now) {
		return &ConflictError{Kind: "order", ID: o.ID, Reason: "was to be paid by " + o.HoldExpiresAt.Format(time.RFC3339)}
	}
	if o.State != OrderPendingPayment {
		return &ConflictError{Kind: "order", ID: o.ID, Reason: "is " + string(o.State) + ": it cannot be paid"}
	}
	return nil
}

// payment returns the order's payment with the id, or nil.
func (o *Order) payment(id string) *Payment {
	i := slices.IndexFunc(o.Payments, func(p Payment) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return &o.Payments[i]
}

// paid returns the payment that pays the order, or nil.
func (o *Order) paid() *Payment {
	i := slices.IndexFunc(o.Payments, func(p Payment) bool { return p.State == PaymentSucceeded })
	if i < 0 {
		return nil
	}
	return &o.Payments[i]
}

// openPayment returns the payment that the provider may still capture, or nil.
func (o *Order) openPayment() *Payment {
	i := slices.IndexFunc(o.Payments, func(p Payment) bool { return p.State.Open() })
	if i < 0 {
		return nil
	}
	return &o.Payments[i]
}

// report takes in what the provider says about a payment. It reports whether anything changed; old news changes nothing.
//
// A capture pays an order that waits for it. Any other capture is given back.
func (o *Order) report(payment *Payment, state PaymentState, now time.Time) (changed bool) {
	if state == PaymentSucceeded {
		if !payment.State.CanBecome(PaymentSucceeded) {
			return false
		}
		switch {
		case o.State == OrderPendingPayment:
			o.State, o.UpdatedAt = OrderPaid, now
			payment.moveTo(PaymentSucceeded, now)
		case o.paid() != nil:
			payment.giveBack(RefundDuplicate, now)
		default:
			payment.giveBack(RefundLate, now)
		}
		return true
	}
	if state == payment.State || !payment.State.CanBecome(state) {
		return false
	}
	payment.moveTo(state, now)
	if state.Open() && o.State != OrderPendingPayment {
		payment.NextAttemptAt = now // to be called off
	}
	return true
}

func (p *Payment) moveTo(state PaymentState, now time.Time) {
	p.State, p.UpdatedAt, p.Attempts = state, now, 0
	p.LeaseExpiresAt, p.NextAttemptAt = time.Time{}, time.Time{}
	if state.Open() {
		p.NextAttemptAt = now.Add(reportPatience)
	}
}

// checkTotal fails unless the total is the sum of the lines, and each line its price times its quantity.
func (o *Order) checkTotal() error {
	sum := Money{Currency: o.Total.Currency}
	var problems []error
	for _, line := range o.Lines {
		total, err := line.UnitPrice.Mul(line.Quantity)
		if err == nil && total != line.Total {
			err = fmt.Errorf("line %d is %s and should be %s", line.Number, line.Total, total)
		}
		problems = append(problems, err)
		if sum, err = sum.Add(line.Total); err != nil {
			problems = append(problems, err)
			break
		}
	}
	if sum != o.Total {
		problems = append(problems, fmt.Errorf("the total is %s and should be %s", o.Total, sum))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("order %s does not add up: %w", o.ID, err)
	}
	return nil
}

// SoldOutError says what of an order is not there. It is an ErrConflict.
type SoldOutError struct {
	Lines []Shortage
}

// Shortage is a product of which fewer units are left than are wanted.
type Shortage struct {
	Index      int // of the line in what was asked for
	OfferingID string
	Name       string
	Wanted     int64
	Available  int64
}

func (e *SoldOutError) Error() string {
	texts := make([]string, len(e.Lines))
	for i, line := range e.Lines {
		texts[i] = fmt.Sprintf("%d of %d %s left", line.Available, line.Wanted, line.Name)
	}
	return "not enough is left: " + strings.Join(texts, ", ")
}

// Is makes every SoldOutError an ErrConflict.
func (e *SoldOutError) Is(target error) bool { return target == ErrConflict }

// WithdrawnError says what of an order is off sale. It is an ErrConflict.
type WithdrawnError struct {
	Lines []WithdrawnLine
}

// WithdrawnLine is a product that was deleted, or whose farm may not sell.
type WithdrawnLine struct {
	Index      int // of the line in what was asked for
	OfferingID string
	Name       string
}

func (e *WithdrawnError) Error() string {
	names := make([]string, len(e.Lines))
	for i, line := range e.Lines {
		names[i] = line.Name
	}
	return "not on sale any more: " + strings.Join(names, ", ") + "; order the rest, with a new Idempotency-Key"
}

// Is makes every WithdrawnError an ErrConflict.
func (e *WithdrawnError) Is(target error) bool { return target == ErrConflict }
