package market

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// ProducerStore is what producers need of a database. Its errors are of the kinds in this package.
type ProducerStore interface {
	Farm(ctx context.Context, id string) (Farm, error)
	Farms(ctx context.Context, query FarmQuery) (Page[Farm], error)
	Product(ctx context.Context, id string) (Product, error)
	Products(ctx context.Context, query ProductQuery) (Page[Product], error)

	CreateFarm(ctx context.Context, farm Farm) error
	// UpdateFarm and UpdateProduct write the new version over the one before it. They fail with ErrPreconditionFailed
	// when that one is not there any more, and so do others that are given another version than AnyVersion.
	UpdateFarm(ctx context.Context, farm Farm) error
	// VerifyFarm also puts back on sale what SuspendFarm took off sale, but for products that were deleted since.
	VerifyFarm(ctx context.Context, id string, version int64, by Actor, at time.Time) error
	// SuspendFarm withdraws the verification, and takes the farm's offerings on days that are not closed off sale. Orders that
	// refer to them stay as they are.
	SuspendFarm(ctx context.Context, id string, version int64, at time.Time) error
	CreateProduct(ctx context.Context, product Product) error
	UpdateProduct(ctx context.Context, product Product) error
	// TouchImage notes that the image is about to be kept, so that it is not taken for an unused one.
	TouchImage(ctx context.Context, image string, at time.Time) error
	// SetProductImage gives the product another photograph, or none, and fails with ErrNotFound.
	SetProductImage(ctx context.Context, id string, version int64, image string, at time.Time) error
	// DeleteProduct takes the product out of the catalogue, and its offerings on days that are not closed off sale. Orders
	// that refer to them stay as they are.
	DeleteProduct(ctx context.Context, id string, version int64, at time.Time) error
}

// AnyVersion is that of a change that is made whatever the state.
const AnyVersion int64 = 0

// Producers is what farm owners do with their farms and products, and the market's check of them.
type Producers struct {
	store ProducerStore
	clock Clock
}

// NewProducers returns the producers kept in the store.
func NewProducers(store ProducerStore, clock Clock) *Producers {
	return &Producers{store: store, clock: clock}
}

// FarmDetails is what owners say of their farm.
type FarmDetails struct {
	Name        string
	Description string
	Place       string
	Region      string
	Country     string // ISO 3166-1 alpha-2 code
}

// normalize fails with ErrInvalid.
func (d FarmDetails) normalize() (FarmDetails, error) {
	for _, text := range []struct {
		field string
		value *string
		least int
		most  int
	}{
		{"name", &d.Name, 1, maxName},
		{"description", &d.Description, 0, maxDescription},
		{"place", &d.Place, 1, maxName},
		{"region", &d.Region, 0, maxName},
	} {
		var err error
		if *text.value, err = normalizeText(text.field, *text.value, text.least, text.most); err != nil {
			return d, err
		}
	}
	if len(d.Country) != 2 || strings.ContainsFunc(d.Country, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return d, &InvalidError{Field: "country", Rule: "be two capital letters, as in ISO 3166-1", Value: d.Country}
	}
	return d, nil
}

func (d FarmDetails) describe(f Farm) Farm {
	f.Name, f.Description, f.Place, f.Region, f.Country = d.Name, d.Description, d.Place, d.Region, d.Country
	return f
}

// CreateFarm opens a farm of the actor's. It may not sell before a market manager has verified it. It fails with
// ErrInvalid.
func (p *Producers) CreateFarm(ctx context.Context, actor Actor, details FarmDetails) (Farm, error) {
	details, err := details.normalize()
	if err != nil {
		return Farm{}, err
	}
	id, err := newID()
	if err != nil {
		return Farm{}, err
	}
	now := p.clock.Now()
	farm := details.describe(Farm{ID: id, OwnerID: actor.ID, Version: 1, CreatedAt: now, UpdatedAt: now})
	return farm, p.store.CreateFarm(ctx, farm)
}

// UpdateFarm changes the actor's farm, if it is still as the actor saw it, which unchanged decides. A farm that is verified
// keeps the name that a market manager has seen. It fails with ErrNotFound, ErrForbidden, ErrPreconditionFailed, ErrInvalid or,
// for another name, ErrConflict.
func (p *Producers) UpdateFarm(
	ctx context.Context, actor Actor, id string, unchanged func(Farm) bool, details FarmDetails,
) (Farm, error) {
	farm, err := p.ownFarm(ctx, actor, id)
	if err != nil {
		return Farm{}, err
	}
	if !unchanged(farm) {
		return Farm{}, &PreconditionError{Kind: "farm", ID: farm.ID}
	}
	if details, err = details.normalize(); err != nil {
		return Farm{}, err
	}
	if farm.Verified && details.Name != farm.Name {
		return Farm{}, &ConflictError{Kind: "farm", ID: farm.ID, Reason: fmt.Sprintf(
			"is verified as %q: its name can change once a market manager has withdrawn the verification, and is then verified anew", farm.Name)}
	}
	farm = details.describe(farm)
	farm.Version, farm.UpdatedAt = farm.Version+1, p.clock.Now()
	return farm, p.store.UpdateFarm(ctx, farm)
}

// VerifyFarm lets the farm sell. Verifying it again changes nothing. unchanged decides whether the farm is still as the
// actor saw it; nil when that does not matter. It fails with ErrForbidden, ErrNotFound and ErrPreconditionFailed.
func (p *Producers) VerifyFarm(ctx context.Context, actor Actor, id string, unchanged func(Farm) bool) (Farm, error) {
	return p.judge(ctx, actor, id, unchanged, "verify a farm", func(id string, version int64) error {
		return p.store.VerifyFarm(ctx, id, version, actor, p.clock.Now())
	})
}

// SuspendFarm withdraws the farm's verification: it sells nothing until it is verified again. Orders that were placed stay.
// Suspending it again changes nothing. It fails as VerifyFarm does.
func (p *Producers) SuspendFarm(ctx context.Context, actor Actor, id string, unchanged func(Farm) bool) (Farm, error) {
	return p.judge(ctx, actor, id, unchanged, "withdraw a farm's verification", func(id string, version int64) error {
		return p.store.SuspendFarm(ctx, id, version, p.clock.Now())
	})
}

// judge lets who runs the markets change whether a farm may sell.
func (p *Producers) judge(ctx context.Context, actor Actor, id string, unchanged func(Farm) bool, doing string,
	change func(id string, version int64) error,
) (Farm, error) {
	if err := actor.mustManage(doing); err != nil {
		return Farm{}, err
	}
	farm, err := p.store.Farm(ctx, strings.ToLower(id))
	if err != nil {
		return Farm{}, err
	}
	version := AnyVersion
	if unchanged != nil {
		if version = farm.Version; !unchanged(farm) {
			return Farm{}, &PreconditionError{Kind: "farm", ID: farm.ID}
		}
	}
	if err := change(farm.ID, version); err != nil {
		return Farm{}, err
	}
	return p.store.Farm(ctx, farm.ID)
}

// ProductDetails is what owners say of their product.
type ProductDetails struct {
	Name        string
	Description string
	Category    Category
	Unit        Unit
	Price       Money
	Season      Season
}

// normalize fails with ErrInvalid.
func (d ProductDetails) normalize() (ProductDetails, error) {
	var err error
	if d.Name, err = normalizeText("name", d.Name, 1, maxName); err != nil {
		return d, err
	}
	if d.Description, err = normalizeText("description", d.Description, 0, maxDescription); err != nil {
		return d, err
	}
	if d.Unit.Label, err = normalizeText("unit.label", d.Unit.Label, 1, maxUnitLabel); err != nil {
		return d, err
	}
	return d, d.validate()
}

// maxUnitSize bounds a unit: to a ton, a thousand litres or a million pieces.
const maxUnitSize = 1_000_000

func (d ProductDetails) validate() error {
	switch {
	case !d.Category.Valid():
		return &InvalidError{Field: "category", Rule: "be one of " + list(Categories()), Value: d.Category}
	case d.Unit.Kind != Weight && d.Unit.Kind != Volume && d.Unit.Kind != Item:
		return &InvalidError{Field: "unit.kind", Rule: "be one of " + list(UnitKinds()), Value: d.Unit.Kind}
	case d.Unit.Size < 1 || d.Unit.Size > maxUnitSize:
		return &InvalidError{Field: "unit.size", Rule: fmt.Sprintf("be 1 to %d", maxUnitSize), Value: d.Unit.Size}
	case d.Price.Amount < 1 || d.Price.Amount > maxOfferPrice:
		return &InvalidError{Field: "price.amount", Rule: fmt.Sprintf("be 1 to %d", maxOfferPrice), Value: d.Price.Amount}
	case !d.Price.Currency.Valid():
		return &InvalidError{Field: "price.currency", Rule: "be the ISO 4217 code of a European currency", Value: d.Price.Currency}
	case !d.Season.Valid():
		return &InvalidError{Field: "season", Rule: "have at least one month", Value: d.Season}
	}
	return nil
}

func (d ProductDetails) describe(p Product) Product {
	p.Name, p.Description, p.Category, p.Unit, p.Price, p.Season = d.Name, d.Description, d.Category, d.Unit, d.Price, d.Season
	return p
}

// CreateProduct adds a product to the actor's farm. It fails with ErrNotFound, ErrForbidden or ErrInvalid.
func (p *Producers) CreateProduct(ctx context.Context, actor Actor, farmID string, details ProductDetails) (Product, error) {
	farm, err := p.ownFarm(ctx, actor, farmID)
	if err != nil {
		return Product{}, err
	}
	if details, err = details.normalize(); err != nil {
		return Product{}, err
	}
	id, err := newID()
	if err != nil {
		return Product{}, err
	}
	now := p.clock.Now()
	product := details.describe(Product{
		ID: id, FarmID: farm.ID, FarmName: farm.Name, Version: 1, CreatedAt: now, UpdatedAt: now,
	})
	return product, p.store.CreateProduct(ctx, product)
}

// UpdateProduct changes a product of the actor's, if it is still as the actor saw it, which unchanged decides. It fails
// with ErrNotFound, ErrForbidden, ErrPreconditionFailed or ErrInvalid.
func (p *Producers) UpdateProduct(
	ctx context.Context, actor Actor, id string, unchanged func(Product) bool, details ProductDetails,
) (Product, error) {
	product, err := p.ownProduct(ctx, actor, id)
	if err != nil {
		return Product{}, err
	}
	if !unchanged(product) {
		return Product{}, &PreconditionError{Kind: "product", ID: product.ID}
	}
	if details, err = details.normalize(); err != nil {
		return Product{}, err
	}
	product = details.describe(product)
	product.Version, product.UpdatedAt = product.Version+1, p.clock.Now()
	return product, p.store.UpdateProduct(ctx, product)
}

// MayChangeProduct fails with ErrNotFound or ErrForbidden unless the product is the actor's, and with
// ErrPreconditionFailed unless it is as the actor saw it, which unchanged decides; nil when that does not matter. It is
// for asking before work that would be in vain.
func (p *Producers) MayChangeProduct(ctx context.Context, actor Actor, id string, unchanged func(Product) bool) error {
	_, _, err := p.productToChange(ctx, actor, id, unchanged)
	return err
}

// ExpectImage keeps the image from being taken for an unused one. It comes before the image is kept.
func (p *Producers) ExpectImage(ctx context.Context, image string) error {
	return p.store.TouchImage(ctx, image, p.clock.Now())
}

// SetProductImage gives a product of the actor's another photograph; an empty image takes it away. It fails as
// MayChangeProduct does.
func (p *Producers) SetProductImage(
	ctx context.Context, actor Actor, id string, unchanged func(Product) bool, image string,
) (Product, error) {
	id, version, err := p.productToChange(ctx, actor, id, unchanged)
	if err != nil {
		return Product{}, err
	}
	if err := p.store.SetProductImage(ctx, id, version, image, p.clock.Now()); err != nil {
		return Product{}, err
	}
	return p.store.Product(ctx, id)
}

// DeleteProduct takes a product of the actor's out of the catalogue. It fails as MayChangeProduct does.
func (p *Producers) DeleteProduct(ctx context.Context, actor Actor, id string, unchanged func(Product) bool) error {
	id, version, err := p.productToChange(ctx, actor, id, unchanged)
	if err != nil {
		return err
	}
	return p.store.DeleteProduct(ctx, id, version, p.clock.Now())
}

// productToChange returns the id of a product of the actor's as the store writes it, and the version that it must have
// when it is changed.
func (p *Producers) productToChange(
	ctx context.Context, actor Actor, id string, unchanged func(Product) bool,
) (stored string, version int64, err error) {
	product, err := p.ownProduct(ctx, actor, id)
	switch {
	case err != nil:
		return "", 0, err
	case unchanged == nil:
		return product.ID, AnyVersion, nil
	case !unchanged(product):
		return "", 0, &PreconditionError{Kind: "product", ID: product.ID}
	}
	return product.ID, product.Version, nil
}

func (p *Producers) ownProduct(ctx context.Context, actor Actor, id string) (Product, error) {
	product, err := p.store.Product(ctx, strings.ToLower(id))
	if err != nil {
		return Product{}, err
	}
	_, err = p.ownFarm(ctx, actor, product.FarmID)
	return product, err
}

func (p *Producers) ownFarm(ctx context.Context, actor Actor, id string) (Farm, error) {
	farm, err := p.store.Farm(ctx, strings.ToLower(id))
	if err != nil {
		return Farm{}, err
	}
	if actor.ID == "" || farm.OwnerID != actor.ID {
		return Farm{}, &ForbiddenError{Reason: "farm " + farm.ID + " belongs to another account"}
	}
	return farm, nil
}
