package cache

import (
	"context"
	"time"

	"github.com/farmersmarket/platform/server/market"
)

// Producers writes farms and products to the store and ends what the cache knows of them, also when a write fails: it may
// have been done all the same. It reads from the store, because who changes something must see it as it is.
type Producers struct {
	cache *Cache
	store market.ProducerStore
}

// NewProducers puts the cache before a store.
func NewProducers(c *Cache, store market.ProducerStore) *Producers {
	return &Producers{cache: c, store: store}
}

// Farm implements market.ProducerStore.
func (p *Producers) Farm(ctx context.Context, id string) (market.Farm, error) {
	return p.store.Farm(ctx, id)
}

// Product implements market.ProducerStore.
func (p *Producers) Product(ctx context.Context, id string) (market.Product, error) {
	return p.store.Product(ctx, id)
}

// Farms implements market.ProducerStore.
func (p *Producers) Farms(ctx context.Context, query market.FarmQuery) (market.Page[market.Farm], error) {
	return p.store.Farms(ctx, query)
}

// Products implements market.ProducerStore.
func (p *Producers) Products(ctx context.Context, query market.ProductQuery) (market.Page[market.Product], error) {
	return p.store.Products(ctx, query)
}

// CreateFarm implements market.ProducerStore.
func (p *Producers) CreateFarm(ctx context.Context, farm market.Farm) error {
	defer p.cache.farmChanged(ctx, farm.ID)
	return p.store.CreateFarm(ctx, farm)
}

// UpdateFarm implements market.ProducerStore.
func (p *Producers) UpdateFarm(ctx context.Context, farm market.Farm) error {
	defer p.cache.farmChanged(ctx, farm.ID)
	return p.store.UpdateFarm(ctx, farm)
}

// VerifyFarm implements market.ProducerStore.
func (p *Producers) VerifyFarm(ctx context.Context, id string, version int64, by market.Actor, at time.Time) error {
	defer p.cache.farmChanged(ctx, id)
	return p.store.VerifyFarm(ctx, id, version, by, at)
}

// SuspendFarm implements market.ProducerStore.
func (p *Producers) SuspendFarm(ctx context.Context, id string, version int64, at time.Time) error {
	defer p.cache.farmChanged(ctx, id)
	return p.store.SuspendFarm(ctx, id, version, at)
}

// CreateProduct implements market.ProducerStore.
func (p *Producers) CreateProduct(ctx context.Context, product market.Product) error {
	defer p.cache.productChanged(ctx, product.ID)
	return p.store.CreateProduct(ctx, product)
}

// UpdateProduct implements market.ProducerStore.
func (p *Producers) UpdateProduct(ctx context.Context, product market.Product) error {
	defer p.cache.productChanged(ctx, product.ID)
	return p.store.UpdateProduct(ctx, product)
}

// TouchImage implements market.ProducerStore.
func (p *Producers) TouchImage(ctx context.Context, image string, at time.Time) error {
	return p.store.TouchImage(ctx, image, at)
}

// SetProductImage implements market.ProducerStore.
func (p *Producers) SetProductImage(ctx context.Context, id string, version int64, image string, at time.Time) error {
	defer p.cache.productChanged(ctx, id)
	return p.store.SetProductImage(ctx, id, version, image, at)
}

// DeleteProduct implements market.ProducerStore.
func (p *Producers) DeleteProduct(ctx context.Context, id string, version int64, at time.Time) error {
	defer p.cache.productChanged(ctx, id)
	return p.store.DeleteProduct(ctx, id, version, at)
}

func (c *Cache) productChanged(ctx context.Context, id string) {
	c.Invalidate(ctx, ProductsTag, ProductTag(id))
}

// farmChanged ends products, too: they show their farm's name.
func (c *Cache) farmChanged(ctx context.Context, id string) {
	c.Invalidate(ctx, FarmsTag, FarmTag(id), ProductsTag)
}
