package market

import (
	"context"
	"strings"
)

// CatalogueStore is what the catalogue needs of a database. Its errors are of the kinds in this package.
type CatalogueStore interface {
	Product(ctx context.Context, id string) (Product, error)
	Products(ctx context.Context, query ProductQuery) (Page[Product], error)
	Farm(ctx context.Context, id string) (Farm, error)
	Farms(ctx context.Context, query FarmQuery) (Page[Farm], error)
}

// Catalogue is what visitors of the market can look at: the farms that a market manager has verified, and their products.
type Catalogue struct {
	store CatalogueStore
}

// NewCatalogue returns the catalogue kept in the store.
func NewCatalogue(store CatalogueStore) *Catalogue { return &Catalogue{store: store} }

// Product returns one product. It fails with ErrNotFound.
func (c *Catalogue) Product(ctx context.Context, id string) (Product, error) {
	product, err := c.store.Product(ctx, strings.ToLower(id))
	if err != nil {
		return Product{}, err
	}
	farm, err := c.store.Farm(ctx, product.FarmID)
	if err != nil {
		return Product{}, err
	}
	if !farm.Verified {
		return Product{}, &NotFoundError{Kind: "product", ID: product.ID}
	}
	return product, nil
}

// Products returns a page of the products that the query picks. A page behind the last one is empty. It fails with
// ErrInvalid.
func (c *Catalogue) Products(ctx context.Context, query ProductQuery) (Page[Product], error) {
	query.Listed = true
	query, err := query.normalize()
	if err != nil {
		return Page[Product]{}, err
	}
	page, err := c.store.Products(ctx, query)
	return withNext(page, err, query.Picks())
}

// Farm returns one farm. It fails with ErrNotFound.
func (c *Catalogue) Farm(ctx context.Context, id string) (Farm, error) {
	farm, err := c.store.Farm(ctx, strings.ToLower(id))
	if err == nil && !farm.Verified {
		return Farm{}, &NotFoundError{Kind: "farm", ID: farm.ID}
	}
	return farm, err
}

// Farms returns a page of the farms that the query picks. A page behind the last one is empty. It fails with ErrInvalid.
func (c *Catalogue) Farms(ctx context.Context, query FarmQuery) (Page[Farm], error) {
	query.Listed = true
	query, err := query.normalize()
	if err != nil {
		return Page[Farm]{}, err
	}
	page, err := c.store.Farms(ctx, query)
	return withNext(page, err, query.Picks())
}
