package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// Product is a product as the API shows it.
type Product struct {
	ID          string      `json:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Name        string      `json:"name" example:"Bunched carrots"`
	Description string      `json:"description" example:"Pulled the morning of the market, tops on."`
	Category    string      `json:"category" enum:"vegetables,fruit,mushrooms,herbs,dairy,eggs,meat,bread,honey,preserves,drinks,flowers"`
	Unit        Unit        `json:"unit"`
	Price       Money       `json:"price" doc:"Price of one unit, taxes included."`
	Season      []int       `json:"season" nullable:"false" minItems:"1" maxItems:"12" example:"[6,7,8,9,10]" doc:"Months in which it is sold: 1 is January."`
	Farm        ProductFarm `json:"farm"`
	CreatedAt   time.Time   `json:"created_at" example:"2026-03-14T08:00:00Z" doc:"When the product was first listed; UTC."`
	UpdatedAt   time.Time   `json:"updated_at" example:"2026-05-02T10:30:00Z" doc:"When this last changed; UTC."`
}

// Unit is what one pays the price for.
type Unit struct {
	Kind  string `json:"kind" enum:"weight,volume,item"`
	Size  int64  `json:"size" minimum:"1" example:"500" doc:"Grams for weight, millilitres for volume, pieces for item."`
	Label string `json:"label" example:"500 g bunch" doc:"The unit in words."`
}

// Money is an amount of money.
type Money struct {
	Amount   int64  `json:"amount" example:"1250" doc:"In the currency's minor unit: 1250 EUR is 12.50 euros."`
	Currency string `json:"currency" minLength:"3" maxLength:"3" example:"EUR" doc:"ISO 4217 code."`
}

// ProductFarm is the farm that sells a product.
type ProductFarm struct {
	ID   string `json:"id" format:"uuid" example:"2b7d3c1e-58a4-5d0f-8a43-6f1f0d7b9c22"`
	Name string `json:"name" example:"Ballinacarrow Orchard"`
}

func productOf(p market.Product) Product {
	months := p.Season.Months()
	season := make([]int, len(months))
	for i, month := range months {
		season[i] = int(month)
	}
	return Product{
		ID: p.ID, Name: p.Name, Description: p.Description, Category: string(p.Category),
		Unit:      Unit{Kind: string(p.Unit.Kind), Size: p.Unit.Size, Label: p.Unit.Label},
		Price:     Money{Amount: p.Price.Amount, Currency: string(p.Price.Currency)},
		Season:    season,
		Farm:      ProductFarm{ID: p.FarmID, Name: p.FarmName},
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

type productsParams struct {
	PageParams
	Category string `query:"category" enum:"vegetables,fruit,mushrooms,herbs,dairy,eggs,meat,bread,honey,preserves,drinks,flowers" doc:"Only products of this category."`
	Farm     string `query:"farm" format:"uuid" doc:"Only products of the farm with this id."`
	Search   string `query:"q" maxLength:"100" example:"goat cheese" doc:"Words that the name, description or farm's name contains; case and accents do not matter."`
	Sort     string `query:"sort" default:"name" enum:"name,-name,price,-price,newest" doc:"The order; a minus turns it round."`
}

func (p productsParams) query() market.ProductQuery {
	return market.ProductQuery{
		Paging: p.paging(), Category: market.Category(p.Category), FarmID: p.Farm, Search: p.Search,
		Sort: market.Sort(p.Sort),
	}
}

// RegisterProducts adds the products to the API.
func RegisterProducts(api huma.API, catalogue *market.Catalogue) {
	huma.Register(api, protect(public(), readOperation("list-products", "/api/v1/products", "List products", "Products",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *productsParams) (*listAnswer[Product], error) {
			page, err := catalogue.Products(ctx, params.query())
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, productOf), nil
		})
	huma.Register(api, protect(public(), readOperation("get-product", "/api/v1/products/{id}", "Get a product", "Products",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *idParam) (*itemAnswer[Product], error) {
			product, err := catalogue.Product(ctx, params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(productOf(product)), nil
		})
}
