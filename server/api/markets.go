package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// Market is a market as the API shows it.
type Market struct {
	ID          string       `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a11"`
	Name        string       `json:"name" example:"Quay Street Market"`
	Description string       `json:"description" example:"Thirty stalls along the river, every Saturday."`
	Place       string       `json:"place" example:"Galway" doc:"The town or village it is in."`
	Region      string       `json:"region" example:"County Galway" doc:"County, province or canton."`
	Country     string       `json:"country" example:"IE" doc:"ISO 3166-1 alpha-2 code."`
	TimeZone    string       `json:"time_zone" example:"Europe/Dublin" doc:"IANA time zone; dates and slots are in its time."`
	Currency    string       `json:"currency" example:"EUR" doc:"ISO 4217 code of every price at the market."`
	Slots       []PickupSlot `json:"slots" nullable:"false" doc:"When orders are collected on a market day."`
	CreatedAt   time.Time    `json:"created_at" example:"2026-03-14T08:00:00Z" doc:"UTC."`
	UpdatedAt   time.Time    `json:"updated_at" example:"2026-05-02T10:30:00Z" doc:"When this last changed; UTC."`
}

// PickupSlot is a span of a market day in which orders are collected.
type PickupSlot struct {
	ID       string `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a12"`
	Label    string `json:"label" example:"Early birds"`
	StartsAt string `json:"starts_at" example:"09:00" doc:"Local time of day."`
	EndsAt   string `json:"ends_at" example:"10:30" doc:"Local time of day."`
}

// MarketDetails are what a market tells its customers. The name is exported because Huma looks into embedded structs only then.
type MarketDetails struct {
	Name        string `json:"name" minLength:"1" maxLength:"120" example:"Quay Street Market"`
	Description string `json:"description,omitempty" maxLength:"2000" example:"Thirty stalls along the river, every Saturday."`
	Place       string `json:"place" minLength:"1" maxLength:"120" example:"Galway" doc:"The town or village it is in."`
	Region      string `json:"region,omitempty" maxLength:"120" example:"County Galway" doc:"County, province or canton."`
	Country     string `json:"country" pattern:"^[A-Z]{2}$" example:"IE" doc:"ISO 3166-1 alpha-2 code."`
}

// NewMarket is what a market is opened with.
type NewMarket struct {
	MarketDetails

	TimeZone string          `json:"time_zone" maxLength:"64" example:"Europe/Dublin" doc:"IANA time zone."`
	Currency string          `json:"currency" pattern:"^[A-Z]{3}$" example:"EUR" doc:"ISO 4217 code of every price at the market."`
	Slots    []NewPickupSlot `json:"slots" nullable:"false" minItems:"1" maxItems:"48" doc:"When orders are collected on a market day."`
}

// NewPickupSlot is a slot of a new market.
type NewPickupSlot struct {
	Label    string `json:"label" minLength:"1" maxLength:"120" example:"Early birds"`
	StartsAt string `json:"starts_at" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"09:00" doc:"Local time of day."`
	EndsAt   string `json:"ends_at" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"10:30" doc:"Local time of day, after starts_at."`
}

// MarketChange is what a market is to be. Its time zone and currency stay.
type MarketChange struct {
	MarketDetails

	Slots []SlotChange `json:"slots" nullable:"false" minItems:"1" maxItems:"48" doc:"All that the market is to have: one that is left out takes no orders any more."`
}

// SlotChange is a slot that a market is to have.
type SlotChange struct {
	ID string `json:"id,omitempty" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a12" doc:"Of the market's slot that this is; left out for a new one."`
	NewPickupSlot
}

func marketOf(m market.Market) Market {
	slots := make([]PickupSlot, len(m.Slots))
	for i, s := range m.Slots {
		slots[i] = PickupSlot{ID: s.ID, Label: s.Label, StartsAt: s.StartsAt, EndsAt: s.EndsAt}
	}
	return Market{
		ID: m.ID, Name: m.Name, Description: m.Description, Place: m.Place, Region: m.Region, Country: m.Country,
		TimeZone: m.TimeZone, Currency: string(m.Currency), Slots: slots, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
}

func (n *NewMarket) market() market.Market {
	slots := make([]market.PickupSlot, len(n.Slots))
	for i, s := range n.Slots {
		slots[i] = market.PickupSlot{Label: s.Label, StartsAt: s.StartsAt, EndsAt: s.EndsAt}
	}
	return market.Market{
		Name: n.Name, Description: n.Description, Place: n.Place, Region: n.Region, Country: n.Country,
		TimeZone: n.TimeZone, Currency: market.Currency(n.Currency), Slots: slots,
	}
}

func (c *MarketChange) details() market.MarketDetails {
	slots := make([]market.PickupSlot, len(c.Slots))
	for i, s := range c.Slots {
		slots[i] = market.PickupSlot{ID: s.ID, Label: s.Label, StartsAt: s.StartsAt, EndsAt: s.EndsAt}
	}
	return market.MarketDetails{
		Name: c.Name, Description: c.Description, Place: c.Place, Region: c.Region, Country: c.Country, Slots: slots,
	}
}

// RegisterMarkets adds the markets to the API.
func RegisterMarkets(api huma.API, plan *market.Plan) {
	huma.Register(api, protect(public(), readOperation("list-markets", "/api/v1/markets", "List markets", "Markets",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct{ PageParams }) (*listAnswer[Market], error) {
			page, err := plan.Markets(ctx, market.MarketQuery{Paging: params.paging()})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, marketOf), nil
		})
	answer := func(ctx context.Context, m market.Market, err error) (*taggedAnswer[Market], error) {
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return answerTagged(marketOf(m)), nil
	}
	huma.Register(api, protect(public(), readOperation("get-market", "/api/v1/markets/{id}", "Get a market", "Markets",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Market], error) {
			m, err := plan.Market(ctx, params.ID)
			return answer(ctx, m, err)
		})
	managers := only(market.MarketManager, market.Admin)
	huma.Register(api, protect(managers,
		createOperation("create-market", "/api/v1/markets", "Open a market", "Markets", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct{ Body NewMarket }) (*taggedAnswer[Market], error) {
			m, err := plan.AddMarket(ctx, actor(ctx), params.Body.market())
			return answer(ctx, m, err)
		})
	update := updateOperation("update-market", "/api/v1/markets/{id}", "Change a market and its pick-up slots", "Markets")
	update.Errors = append(update.Errors, http.StatusConflict)
	update.Description = "The time zone and the currency stay, for dates, windows and prices are in them. Orders keep their slot, with the times that it is " +
		"given here. A slot that is left out takes no orders any more; while orders for it are not collected, leaving it out is a 409."
	huma.Register(api, protect(managers, update),
		func(ctx context.Context, params *struct {
			IDParam
			IfMatch
			Body MarketChange
		},
		) (*taggedAnswer[Market], error) {
			if err := params.required(); err != nil {
				return nil, err
			}
			unchanged := func(m market.Market) bool { return matches(params.IfMatch, marketOf(m)) }
			m, err := plan.ChangeMarket(ctx, actor(ctx), params.ID, unchanged, params.Body.details())
			return answer(ctx, m, err)
		})
}
