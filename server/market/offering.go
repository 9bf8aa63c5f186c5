package market

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// MaxQuantity bounds how many units of one product can be on offer, or in one line of an order.
const MaxQuantity = 1_000_000

// Offering is a product on a market day. It is the only thing that can be ordered.
type Offering struct {
	ID          string // UUID
	MarketDayID string
	ProductID   string
	FarmID      string
	FarmName    string
	Name        string // of the product, as it is now
	Unit        Unit
	Price       Money     // for one unit; more than 0
	Quantity    int64     // units that the farm brings, at most MaxQuantity
	Available   int64     // units that no order holds, 0 to Quantity
	WithdrawnAt time.Time // since when it is off sale, because its product was deleted or its farm suspended; zero: it is on sale
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Withdrawn reports whether the offering is off sale. Orders that were placed before stay as they are.
func (o Offering) Withdrawn() bool { return !o.WithdrawnAt.IsZero() }

// OfferingQuery picks offerings of one market day, or all. Empty fields do not narrow the choice.
type OfferingQuery struct {
	Paging
	MarketDayID string
	FarmID      string
}

// OfferingChange says what of an offering is to be changed; nil is nothing.
type OfferingChange struct {
	Price    *Money
	Quantity *int64
	// Unchanged decides whether the offering is still as the caller saw it; nil when that does not matter.
	Unchanged func(Offering) bool
}

// Offering returns one offering that is on sale. It fails with ErrNotFound.
func (p *Plan) Offering(ctx context.Context, id string) (Offering, error) {
	offering, err := p.store.Offering(ctx, strings.ToLower(id))
	if err == nil && offering.Withdrawn() {
		return Offering{}, &NotFoundError{Kind: "offering", ID: offering.ID}
	}
	return offering, err
}

// Offerings returns a page of the offerings that are on sale, by product name. It fails with ErrInvalid.
func (p *Plan) Offerings(ctx context.Context, query OfferingQuery) (Page[Offering], error) {
	query.MarketDayID, query.FarmID = strings.ToLower(query.MarketDayID), strings.ToLower(query.FarmID)
	picks := []string{"offerings", query.MarketDayID, query.FarmID}
	var err error
	if query.Paging, err = query.normalize(picks); err != nil {
		return Page[Offering]{}, err
	}
	page, err := p.store.Offerings(ctx, query)
	return withNext(page, err, picks)
}

// Offer puts a product on offer on a market day. It fails with ErrForbidden, ErrInvalid, ErrNotFound and, when the
// product is on offer already, the day is over or the farm is not verified, ErrConflict.
func (p *Plan) Offer(ctx context.Context, actor Actor, offering Offering) (Offering, error) {
	offering.MarketDayID, offering.ProductID = strings.ToLower(offering.MarketDayID), strings.ToLower(offering.ProductID)
	product, err := p.store.Product(ctx, offering.ProductID)
	if err != nil {
		return Offering{}, err
	}
	farm, err := p.store.Farm(ctx, product.FarmID)
	if err != nil {
		return Offering{}, err
	}
	if err := farm.maySell(actor); err != nil {
		return Offering{}, err
	}
	if err := p.checkDay(ctx, offering.MarketDayID, offering.Price.Currency); err != nil {
		return Offering{}, err
	}
	offering.FarmID, offering.FarmName = product.FarmID, product.FarmName
	offering.Name, offering.Unit = product.Name, product.Unit
	offering.Available = offering.Quantity
	if err := offering.validate(); err != nil {
		return Offering{}, err
	}
	if offering.ID, err = newID(); err != nil {
		return Offering{}, err
	}
	offering.CreatedAt = p.clock.Now()
	offering.UpdatedAt = offering.CreatedAt
	return offering, p.store.AddOffering(ctx, offering)
}

// ChangeOffering changes the price of what is still to be ordered, or the quantity. It fails with ErrForbidden,
// ErrInvalid, ErrNotFound, ErrPreconditionFailed and, when more is ordered than the quantity would be, ErrConflict.
func (p *Plan) ChangeOffering(ctx context.Context, actor Actor, id string, change OfferingChange) (Offering, error) {
	id = strings.ToLower(id)
	offering, err := p.Offering(ctx, id)
	if err != nil {
		return Offering{}, err
	}
	farm, err := p.store.Farm(ctx, offering.FarmID)
	if err != nil {
		return Offering{}, err
	}
	if err := farm.maySell(actor); err != nil {
		return Offering{}, err
	}
	return p.store.ChangeOffering(ctx, id, func(o *Offering) error {
		if o.Withdrawn() { // a moment ago
			return &NotFoundError{Kind: "offering", ID: id}
		}
		if change.Unchanged != nil && !change.Unchanged(*o) {
			return &PreconditionError{Kind: "offering", ID: id}
		}
		if change.Price != nil {
			if change.Price.Currency != o.Price.Currency {
				return &InvalidError{Field: "price.currency", Rule: "be " + string(o.Price.Currency), Value: change.Price.Currency}
			}
			o.Price = *change.Price
		}
		if change.Quantity != nil {
			ordered := o.Quantity - o.Available
			o.Quantity, o.Available = *change.Quantity, *change.Quantity-ordered
			if o.Quantity >= 0 && o.Available < 0 {
				return &ConflictError{Kind: "offering", ID: id, Reason: fmt.Sprintf("has %d units in orders: the quantity cannot be less", ordered)}
			}
		}
		o.UpdatedAt = p.clock.Now()
		return o.validate()
	})
}

func (o Offering) validate() error {
	if o.Quantity < 0 || o.Quantity > MaxQuantity {
		return &InvalidError{Field: "quantity", Rule: fmt.Sprintf("be 0 to %d", MaxQuantity), Value: o.Quantity}
	}
	if o.Price.Amount <= 0 || o.Price.Amount > maxOfferPrice {
		return &InvalidError{Field: "price.amount", Rule: fmt.Sprintf("be 1 to %d", maxOfferPrice), Value: o.Price.Amount}
	}
	return nil
}

// maxOfferPrice of one unit, in minor units. With MaxQuantity and MaxLines it keeps totals far from the end of 64 bits.
const maxOfferPrice = 10_000_000

func (p *Plan) checkDay(ctx context.Context, id string, currency Currency) error {
	day, err := p.store.MarketDay(ctx, id)
	if err != nil {
		return err
	}
	if state := day.State(p.clock.Now()); state == DayClosing || state == DayClosed {
		return &WindowError{MarketDayID: day.ID, State: state, OpensAt: day.OpensAt, ClosesAt: day.ClosesAt}
	}
	m, err := p.store.Market(ctx, day.MarketID)
	if err != nil {
		return err
	}
	if currency != m.Currency {
		return &InvalidError{Field: "price.currency", Rule: fmt.Sprintf("be %s, the market's", m.Currency), Value: currency}
	}
	return nil
}

// maySell fails unless the actor may put the farm's products on offer.
func (f Farm) maySell(actor Actor) error {
	if !actor.manages() && (f.OwnerID == "" || actor.ID != f.OwnerID) {
		return &ForbiddenError{Reason: "you may not sell for " + f.Name + ": its owner may"}
	}
	if !f.Verified {
		return NotVerified(f.ID)
	}
	return nil
}

// NotVerified is the error of a farm that may not sell.
func NotVerified(farmID string) error {
	return &ConflictError{Kind: "farm", ID: farmID, Reason: "is not verified: a market manager has to verify it before it sells"}
}
