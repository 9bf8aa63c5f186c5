package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// Offering is a product on a market day as the API shows it.
type Offering struct {
	ID          string      `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a14"`
	MarketDayID string      `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	ProductID   string      `json:"product_id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Name        string      `json:"name" example:"Bunched carrots"`
	Farm        ProductFarm `json:"farm"`
	Unit        Unit        `json:"unit"`
	Price       Money       `json:"price" doc:"Price of one unit, taxes included."`
	Quantity    int64       `json:"quantity" minimum:"0" example:"40" doc:"Units that the farm brings."`
	Available   int64       `json:"available" minimum:"0" example:"31" doc:"Units that can still be ordered."`
	CreatedAt   time.Time   `json:"created_at" example:"2026-11-14T08:00:00Z" doc:"UTC."`
	UpdatedAt   time.Time   `json:"updated_at" example:"2026-11-20T10:30:00Z" doc:"When price or quantity last changed; UTC."`
}

// NewOffering is what a product is offered with.
type NewOffering struct {
	MarketDayID string `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	ProductID   string `json:"product_id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Price       Money  `json:"price" doc:"Price of one unit, taxes included."`
	Quantity    int64  `json:"quantity" minimum:"0" maximum:"1000000" example:"40" doc:"Units that the farm brings."`
}

// OfferingChange is what of an offering can be changed. What is left out stays.
type OfferingChange struct {
	Price    *Money `json:"price,omitempty" doc:"For orders from now on."`
	Quantity *int64 `json:"quantity,omitempty" minimum:"0" maximum:"1000000" example:"50" doc:"Units that the farm brings; not less than are ordered."`
}

func offeringOf(o market.Offering) Offering {
	return Offering{
		ID: o.ID, MarketDayID: o.MarketDayID, ProductID: o.ProductID, Name: o.Name, Farm: ProductFarm{ID: o.FarmID, Name: o.FarmName},
		Unit:     Unit{Kind: string(o.Unit.Kind), Size: o.Unit.Size, Label: o.Unit.Label},
		Price:    moneyOf(o.Price),
		Quantity: o.Quantity, Available: o.Available, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

func moneyOf(m market.Money) Money { return Money{Amount: m.Amount, Currency: string(m.Currency)} }

func (m Money) money() market.Money {
	return market.Money{Amount: m.Amount, Currency: market.Currency(m.Currency)}
}

type offeringsParams struct {
	PageParams
	MarketDay string `query:"market_day" required:"true" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13" doc:"The market day."`
	Farm      string `query:"farm" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11" doc:"Only offerings of the farm with this id."`
}

// RegisterOfferings adds the offerings to the API.
func RegisterOfferings(api huma.API, plan *market.Plan) {
	seller := owner(market.FarmOwner, market.MarketManager, market.Admin)
	answer := func(ctx context.Context, offering market.Offering, err error) (*taggedAnswer[Offering], error) {
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return answerTagged(offeringOf(offering)), nil
	}
	huma.Register(api, protect(public(), readOperation("list-offerings", "/api/v1/offerings", "List what is on offer on a market day",
		"Offerings", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *offeringsParams) (*listAnswer[Offering], error) {
			page, err := plan.Offerings(ctx, market.OfferingQuery{
				Paging: params.paging(), MarketDayID: params.MarketDay, FarmID: params.Farm,
			})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, offeringOf), nil
		})
	huma.Register(api, protect(public(), readOperation("get-offering", "/api/v1/offerings/{id}", "Get an offering", "Offerings",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Offering], error) {
			offering, err := plan.Offering(ctx, params.ID)
			return answer(ctx, offering, err)
		})
	huma.Register(api, protect(seller, createOperation("create-offering", "/api/v1/offerings", "Offer a product on a market day",
		"Offerings", http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct{ Body NewOffering }) (*taggedAnswer[Offering], error) {
			offering, err := plan.Offer(ctx, actor(ctx), market.Offering{
				MarketDayID: params.Body.MarketDayID, ProductID: params.Body.ProductID,
				Price: params.Body.Price.money(), Quantity: params.Body.Quantity,
			})
			return answer(ctx, offering, err)
		})
	huma.Register(api, protect(seller, operation(http.MethodPatch, "change-offering", "/api/v1/offerings/{id}",
		"Change the price or quantity of an offering", "Offerings",
		http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct {
			IDParam
			OptionalIfMatch
			Body OfferingChange
		},
		) (*taggedAnswer[Offering], error) {
			change := market.OfferingChange{Quantity: params.Body.Quantity, Unchanged: unchanged(params.OptionalIfMatch, offeringOf)}
			if params.Body.Price != nil {
				price := params.Body.Price.money()
				change.Price = &price
			}
			offering, err := plan.ChangeOffering(ctx, actor(ctx), params.ID, change)
			return answer(ctx, offering, err)
		})
}
