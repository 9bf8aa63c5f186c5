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
	Image       *Image      `json:"image,omitempty" doc:"Its photograph, if it has one."`
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
		Image:     imageOf(p.Image),
		Farm:      ProductFarm{ID: p.FarmID, Name: p.FarmName},
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

type productsParams struct {
	PageParams
	Category string `query:"category" enum:"vegetables,fruit,mushrooms,herbs,dairy,eggs,meat,bread,honey,preserves,drinks,flowers" doc:"Only products of this category."`
	Farm     string `query:"farm" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11" doc:"Only products of the farm with this id."`
	Search   string `query:"q" maxLength:"100" example:"goat cheese" doc:"Words that the name, description or farm's name contains, and beginnings of such words where they have one or two letters; case and accents do not matter."`
	Sort     string `query:"sort" default:"name" enum:"name,-name,price,-price,newest" doc:"The order; a minus turns it round."`
}

func (p productsParams) query() market.ProductQuery {
	return market.ProductQuery{
		Paging: p.paging(), Category: market.Category(p.Category), FarmID: p.Farm, Search: p.Search,
		Sort: market.Sort(p.Sort),
	}
}

// ProductDetails is what owners say of their product. Its bounds are those of market.ProductDetails.
type ProductDetails struct {
	Name        string `json:"name" minLength:"1" maxLength:"120" example:"Bunched carrots"`
	Description string `json:"description" maxLength:"2000" example:"Pulled the morning of the market, tops on."`
	Category    string `json:"category" enum:"vegetables,fruit,mushrooms,herbs,dairy,eggs,meat,bread,honey,preserves,drinks,flowers"`
	Unit        Unit   `json:"unit"`
	Price       Money  `json:"price" doc:"Price of one unit, taxes included."`
	Season      []int  `json:"season" nullable:"false" minItems:"1" maxItems:"12" example:"[6,7,8,9,10]" doc:"Months in which it is sold: 1 is January."`
}

// details fails with market.ErrInvalid where a month is none.
func (d ProductDetails) details() (market.ProductDetails, error) {
	var season market.Season
	for _, month := range d.Season {
		if month < 1 || month > 12 {
			return market.ProductDetails{}, &market.InvalidError{Field: "season", Rule: "have months from 1 to 12", Value: month}
		}
		season |= market.SeasonBetween(time.Month(month), time.Month(month))
	}
	return market.ProductDetails{
		Name: d.Name, Description: d.Description, Category: market.Category(d.Category), Season: season,
		Unit:  market.Unit{Kind: market.UnitKind(d.Unit.Kind), Size: d.Unit.Size, Label: d.Unit.Label},
		Price: market.Money{Amount: d.Price.Amount, Currency: market.Currency(d.Price.Currency)},
	}, nil
}

type createProductInput struct {
	Body struct {
		FarmID string `json:"farm_id" format:"uuid" example:"2b7d3c1e-58a4-5d0f-8a43-6f1f0d7b9c22" doc:"The farm that sells it; one of yours."`
		ProductDetails
	}
}

type updateProductInput struct {
	IfMatch
	ID   string `path:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Body ProductDetails
}

// RegisterProducts adds the products to the API.
func RegisterProducts(api huma.API, catalogue *market.Catalogue, producers *market.Producers) {
	registerProductReads(api, catalogue)
	huma.Register(api, protect(owners(), createOperation("create-product", "/api/v1/products", "Add a product to a farm", "Products",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, in *createProductInput) (*taggedAnswer[Product], error) {
			details, err := in.Body.details()
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			product, err := producers.CreateProduct(ctx, actor(ctx), in.Body.FarmID, details)
			return answerProduct(ctx, product, err)
		})
	huma.Register(api, protect(owners(), updateOperation("update-product", "/api/v1/products/{id}", "Change a product", "Products")),
		func(ctx context.Context, in *updateProductInput) (*taggedAnswer[Product], error) {
			if err := in.required(); err != nil {
				return nil, err
			}
			details, err := in.Body.details()
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			unchanged := func(p market.Product) bool { return matches(in.IfMatch, productOf(p)) }
			product, err := producers.UpdateProduct(ctx, actor(ctx), in.ID, unchanged, details)
			return answerProduct(ctx, product, err)
		})
	deletion := operation(http.MethodDelete, "delete-product", "/api/v1/products/{id}", "Take a product out of the catalogue", "Products",
		http.StatusNotFound, http.StatusPreconditionFailed)
	deletion.Description = "Its offerings are off sale from then on. Orders that were placed stay as they are, and can be paid."
	huma.Register(api, protect(owners(), deletion),
		func(ctx context.Context, in *changeInput) (*struct{}, error) {
			if err := producers.DeleteProduct(ctx, actor(ctx), in.ID, unchanged(in.OptionalIfMatch, productOf)); err != nil {
				return nil, problemOf(ctx, err)
			}
			return nil, nil //nolint:nilnil // 204 has no body
		})
}

func answerProduct(ctx context.Context, product market.Product, err error) (*taggedAnswer[Product], error) {
	if err != nil {
		return nil, problemOf(ctx, err)
	}
	return answerTagged(productOf(product)), nil
}

func registerProductReads(api huma.API, catalogue *market.Catalogue) {
	huma.Register(api, protect(public(), readOperation("list-categories", "/api/v1/categories", "List the categories of products", "Products")),
		func(context.Context, *struct{}) (*itemAnswer[[]string], error) {
			var categories []string
			for _, category := range market.Categories() {
				categories = append(categories, string(category))
			}
			return answerItem(categories), nil
		})
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
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Product], error) {
			product, err := catalogue.Product(ctx, params.ID)
			return answerProduct(ctx, product, err)
		})
}
