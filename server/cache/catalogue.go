package cache

import (
	"context"
	"fmt"
	"strings"

	"github.com/farmersmarket/platform/server/market"
)

// Tags of the catalogue. A list depends on everything of its kind; one thing on itself and on what is shown with it.
const (
	ProductsTag = "products"
	FarmsTag    = "farms"
)

// ProductTag is the tag of one product.
func ProductTag(id string) string { return "product:" + id }

// FarmTag is the tag of one farm.
func FarmTag(id string) string { return "farm:" + id }

// Catalogue reads farms and products through the cache.
type Catalogue struct {
	cache *Cache
	store market.CatalogueStore
}

// NewCatalogue puts the cache before a store.
func NewCatalogue(c *Cache, store market.CatalogueStore) *Catalogue {
	return &Catalogue{cache: c, store: store}
}

// Product implements market.CatalogueStore.
func (c *Catalogue) Product(ctx context.Context, id string) (market.Product, error) {
	id = strings.Clone(id) // the request's memory is used again while others wait for the read
	key := Key[market.Product]{Name: "product/" + id, Tags: []string{ProductTag(id), FarmsTag}, Bytes: productBytes}
	return Load(ctx, c.cache, key, func(ctx context.Context) (market.Product, error) { return c.store.Product(ctx, id) })
}

// Products implements market.CatalogueStore.
func (c *Catalogue) Products(ctx context.Context, query market.ProductQuery) (market.Page[market.Product], error) {
	query.Category = market.Category(strings.Clone(string(query.Category)))
	query.FarmID, query.Search = strings.Clone(query.FarmID), strings.Clone(query.Search)
	query.Sort = market.Sort(strings.Clone(string(query.Sort)))
	key := Key[market.Page[market.Product]]{
		Name:  name(query.Paging, query.Picks()),
		Tags:  []string{ProductsTag},
		Bytes: pageBytes(productBytes),
	}
	return Load(ctx, c.cache, key, func(ctx context.Context) (market.Page[market.Product], error) {
		return c.store.Products(ctx, query)
	})
}

// Farm implements market.CatalogueStore.
func (c *Catalogue) Farm(ctx context.Context, id string) (market.Farm, error) {
	id = strings.Clone(id)
	key := Key[market.Farm]{Name: "farm/" + id, Tags: []string{FarmTag(id)}, Bytes: farmBytes}
	return Load(ctx, c.cache, key, func(ctx context.Context) (market.Farm, error) { return c.store.Farm(ctx, id) })
}

// Farms implements market.CatalogueStore.
func (c *Catalogue) Farms(ctx context.Context, query market.FarmQuery) (market.Page[market.Farm], error) {
	query.Search, query.Sort = strings.Clone(query.Search), market.Sort(strings.Clone(string(query.Sort)))
	query.OwnerID = strings.Clone(query.OwnerID)
	key := Key[market.Page[market.Farm]]{
		Name:  name(query.Paging, query.Picks()),
		Tags:  []string{FarmsTag},
		Bytes: pageBytes(farmBytes),
	}
	return Load(ctx, c.cache, key, func(ctx context.Context) (market.Page[market.Farm], error) {
		return c.store.Farms(ctx, query)
	})
}

// name writes a query so that no two queries have the same name.
func name(paging market.Paging, picks []string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s/%d/%d/%d/%d/%t", picks[0], paging.Page, paging.Limit, paging.After.Before, paging.After.Total, paging.After.AtLeast)
	for _, part := range append(picks[1:], paging.After.ID, paging.After.Key) {
		fmt.Fprintf(&text, "/%d:%s", len(part), part)
	}
	return text.String()
}

func productBytes(p market.Product) int {
	const fixed = 320 // the struct and the headers of its strings
	return fixed + len(p.ID) + len(p.FarmID) + len(p.FarmName) + len(p.Name) + len(p.Description)
}

func farmBytes(f market.Farm) int {
	const fixed = 320
	return fixed + len(f.ID) + len(f.Name) + len(f.Description) + len(f.Place) + len(f.Region)
}

func pageBytes[T any](of func(T) int) func(market.Page[T]) int {
	return func(page market.Page[T]) int {
		sum := 0
		for _, item := range page.Items {
			sum += of(item)
		}
		return sum
	}
}
