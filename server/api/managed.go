package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// RegisterManaged adds what producers and market managers see of the catalogue: farms that wait to be verified, and their
// products. These are operations of their own, so that what is public is the same for everyone, and any cache may keep it.
func RegisterManaged(api huma.API, producers *market.Producers) {
	manage := []market.Role{market.FarmOwner, market.MarketManager, market.Admin}
	huma.Register(api, protect(only(manage...), readOperation("list-managed-farms", "/api/v1/manage/farms",
		"List your farms, verified or not; all farms for market managers", "Farms", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *farmsParams) (*listAnswer[Farm], error) {
			page, err := producers.Farms(ctx, actor(ctx), params.query())
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, farmOf), nil
		})
	huma.Register(api, protect(owner(manage...), readOperation("get-managed-farm", "/api/v1/manage/farms/{id}",
		"Get a farm of yours, verified or not; any farm for market managers", "Farms", http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Farm], error) {
			farm, err := producers.Farm(ctx, actor(ctx), params.ID)
			return answerFarm(ctx, farm, err)
		})
	huma.Register(api, protect(only(manage...), readOperation("list-managed-products", "/api/v1/manage/products",
		"List the products of your farms, verified or not; all products for market managers", "Products", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *productsParams) (*listAnswer[Product], error) {
			page, err := producers.Products(ctx, actor(ctx), params.query())
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, productOf), nil
		})
	huma.Register(api, protect(owner(manage...), readOperation("get-managed-product", "/api/v1/manage/products/{id}",
		"Get a product of your farms, verified or not; any product for market managers", "Products",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Product], error) {
			product, err := producers.Product(ctx, actor(ctx), params.ID)
			return answerProduct(ctx, product, err)
		})
}
