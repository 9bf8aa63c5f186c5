package market

import (
	"context"
	"strings"
)

// Farms returns a page of the farms that the actor manages: its own, verified or not, or all for who runs the markets. It
// fails with ErrInvalid.
func (p *Producers) Farms(ctx context.Context, actor Actor, query FarmQuery) (Page[Farm], error) {
	if !actor.manages() {
		query.OwnerID = actor.ID
	}
	query, err := query.normalize()
	if err != nil {
		return Page[Farm]{}, err
	}
	page, err := p.store.Farms(ctx, query)
	return withNext(page, err, query.Picks())
}

// Farm returns a farm that the actor manages. It fails with ErrNotFound, for somebody else's farm too.
func (p *Producers) Farm(ctx context.Context, actor Actor, id string) (Farm, error) {
	farm, err := p.store.Farm(ctx, strings.ToLower(id))
	if err == nil && !farm.managedBy(actor) {
		return Farm{}, &NotFoundError{Kind: "farm", ID: farm.ID}
	}
	return farm, err
}

// Products returns a page of the products of the farms that the actor manages. It fails with ErrInvalid.
func (p *Producers) Products(ctx context.Context, actor Actor, query ProductQuery) (Page[Product], error) {
	if !actor.manages() {
		query.OwnerID = actor.ID
	}
	query, err := query.normalize()
	if err != nil {
		return Page[Product]{}, err
	}
	page, err := p.store.Products(ctx, query)
	return withNext(page, err, query.Picks())
}

// Product returns a product of a farm that the actor manages. It fails with ErrNotFound, for somebody else's product too.
func (p *Producers) Product(ctx context.Context, actor Actor, id string) (Product, error) {
	product, err := p.store.Product(ctx, strings.ToLower(id))
	if err != nil {
		return Product{}, err
	}
	farm, err := p.store.Farm(ctx, product.FarmID)
	if err == nil && !farm.managedBy(actor) {
		return Product{}, &NotFoundError{Kind: "product", ID: product.ID}
	}
	return product, err
}

// managedBy reports whether the farm is the actor's, or the actor runs the markets.
func (f *Farm) managedBy(actor Actor) bool {
	return actor.manages() || f.OwnerID != "" && f.OwnerID == actor.ID
}
