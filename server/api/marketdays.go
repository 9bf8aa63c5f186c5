package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// MarketDay is a market day as the API shows it.
type MarketDay struct {
	ID        string     `json:"id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	MarketID  string     `json:"market_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a11"`
	Date      string     `json:"date" format:"date" example:"2026-11-28" doc:"The day it is held, in the market's time zone."`
	State     string     `json:"state" enum:"scheduled,open,closing,closed" doc:"open: orders are taken. closing: the window is over, and orders placed in it may still be paid. closed: the harvest is settled."`
	OpensAt   time.Time  `json:"opens_at" example:"2026-11-21T08:00:00Z" doc:"Orders are taken from here on; UTC."`
	ClosesAt  time.Time  `json:"closes_at" example:"2026-11-26T18:00:00Z" doc:"Orders are taken before this; UTC."`
	ClosedAt  *time.Time `json:"closed_at,omitempty" example:"2026-11-26T18:10:02Z" doc:"When the last order was settled; UTC."`
	CreatedAt time.Time  `json:"created_at" example:"2026-10-14T08:00:00Z" doc:"UTC."`
	UpdatedAt time.Time  `json:"updated_at" example:"2026-11-02T10:30:00Z" doc:"When this last changed; UTC."`
}

// Window is when orders are taken for a market day.
type Window struct {
	OpensAt  time.Time `json:"opens_at" example:"2026-11-21T08:00:00Z" doc:"Orders are taken from here on."`
	ClosesAt time.Time `json:"closes_at" example:"2026-11-26T18:00:00Z" doc:"Orders are taken before this. Not after the market day."`
}

// NewMarketDay is what a market day is planned with.
type NewMarketDay struct {
	MarketID string `json:"market_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a11"`
	Date     string `json:"date" format:"date" example:"2026-11-28" doc:"The day it is held, in the market's time zone."`
	Window
}

func marketDayOf(d market.MarketDay, now time.Time) MarketDay {
	day := MarketDay{
		ID: d.ID, MarketID: d.MarketID, Date: d.Date, State: string(d.State(now)), OpensAt: d.OpensAt, ClosesAt: d.ClosesAt,
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if !d.ClosedAt.IsZero() {
		day.ClosedAt = &d.ClosedAt
	}
	return day
}

type marketDaysParams struct {
	PageParams
	Market string `query:"market" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a11" doc:"Only days of the market with this id."`
	From   string `query:"from" format:"date" example:"2026-11-22" doc:"Only days from this date on."`
	State  string `query:"state" enum:"open" doc:"open: only days that take orders now."`
}

// RegisterMarketDays adds the market days to the API.
func RegisterMarketDays(api huma.API, plan *market.Plan) {
	manager := only(market.MarketManager, market.Admin)
	answer := func(ctx context.Context, day market.MarketDay, err error) (*taggedAnswer[MarketDay], error) {
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return answerTagged(marketDayOf(day, plan.Now())), nil
	}
	seen := func(m OptionalIfMatch) func(market.MarketDay) bool {
		return unchanged(m, func(d market.MarketDay) MarketDay { return marketDayOf(d, plan.Now()) })
	}
	huma.Register(api, protect(public(), readOperation("list-market-days", "/api/v1/market-days", "List market days", "Market days",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *marketDaysParams) (*listAnswer[MarketDay], error) {
			page, err := plan.MarketDays(ctx, market.MarketDayQuery{
				Paging: params.paging(), MarketID: params.Market, From: params.From, State: market.DayState(params.State),
			})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			now := plan.Now()
			return answerPage(page, func(d market.MarketDay) MarketDay { return marketDayOf(d, now) }), nil
		})
	huma.Register(api, protect(public(), readOperation("get-market-day", "/api/v1/market-days/{id}", "Get a market day", "Market days",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[MarketDay], error) {
			day, err := plan.MarketDay(ctx, params.ID)
			return answer(ctx, day, err)
		})
	huma.Register(api, protect(manager, createOperation("create-market-day", "/api/v1/market-days", "Plan a market day", "Market days",
		http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct{ Body NewMarketDay }) (*taggedAnswer[MarketDay], error) {
			day, err := plan.AddMarketDay(ctx, actor(ctx), market.MarketDay{
				MarketID: params.Body.MarketID, Date: params.Body.Date, OpensAt: params.Body.OpensAt, ClosesAt: params.Body.ClosesAt,
			})
			return answer(ctx, day, err)
		})
	huma.Register(api, protect(manager, operation(http.MethodPut, "move-market-day-window", "/api/v1/market-days/{id}/window",
		"Change when orders for a market day are taken", "Market days",
		http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *struct {
			IDParam
			OptionalIfMatch
			Body Window
		},
		) (*taggedAnswer[MarketDay], error) {
			day, err := plan.MoveWindow(ctx, actor(ctx), params.ID, seen(params.OptionalIfMatch), params.Body.OpensAt, params.Body.ClosesAt)
			return answer(ctx, day, err)
		})
	huma.Register(api, protect(manager, operation(http.MethodDelete, "delete-market-day", "/api/v1/market-days/{id}",
		"Delete a market day that nobody has ordered for", "Market days",
		http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *changeInput) (*struct{}, error) {
			if err := plan.DeleteMarketDay(ctx, actor(ctx), params.ID, seen(params.OptionalIfMatch)); err != nil {
				return nil, problemOf(ctx, err)
			}
			return nil, nil //nolint:nilnil // Huma answers 204 to it
		})
}
