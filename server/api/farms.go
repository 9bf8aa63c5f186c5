package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// Farm is a farm as the API shows it.
type Farm struct {
	ID          string    `json:"id" format:"uuid" example:"2b7d3c1e-58a4-5d0f-8a43-6f1f0d7b9c22"`
	Name        string    `json:"name" example:"Ballinacarrow Orchard"`
	Description string    `json:"description" example:"Forty old Irish apple varieties, pressed and picked by one family."`
	Place       string    `json:"place" example:"Ballinacarrow" doc:"The town or village the farm is in."`
	Region      string    `json:"region" example:"County Sligo" doc:"County, province or canton."`
	Country     string    `json:"country" example:"IE" doc:"ISO 3166-1 alpha-2 code."`
	OwnerID     string    `json:"owner_id,omitempty" format:"uuid" example:"0198c0de-0000-7000-8000-000000000000" doc:"The account that runs the farm."`
	Verified    bool      `json:"verified" doc:"Whether a market manager has verified the farm. Only then it can sell."`
	CreatedAt   time.Time `json:"created_at" example:"2026-03-14T08:00:00Z" doc:"When the farm joined the market; UTC."`
	UpdatedAt   time.Time `json:"updated_at" example:"2026-05-02T10:30:00Z" doc:"When this last changed; UTC."`
}

func farmOf(f market.Farm) Farm {
	return Farm{
		ID: f.ID, Name: f.Name, Description: f.Description, Place: f.Place, Region: f.Region, Country: f.Country,
		OwnerID: f.OwnerID, Verified: f.Verified, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
	}
}

type farmsParams struct {
	PageParams
	Search   string `query:"q" maxLength:"100" example:"orchard" doc:"Words that the name, place or description contains, and beginnings of such words where they have one or two letters; case and accents do not matter."`
	Owner    string `query:"owner" format:"uuid" example:"0198c0de-0000-7000-8000-000000000000" doc:"Only farms of the account with this id."`
	Verified string `query:"verified" enum:"true,false" example:"false" doc:"Only farms that are verified, or only those that are not. Visitors see none of the latter."`
	Sort     string `query:"sort" default:"name" enum:"name,-name,newest" doc:"The order; a minus turns it round."`
}

func (p farmsParams) query() market.FarmQuery {
	query := market.FarmQuery{Paging: p.paging(), Search: p.Search, OwnerID: p.Owner, Sort: market.Sort(p.Sort)}
	if p.Verified != "" {
		verified := p.Verified == "true"
		query.Verified = &verified
	}
	return query
}

// FarmDetails is what owners say of their farm. Its bounds are those of market.FarmDetails.
type FarmDetails struct {
	Name        string `json:"name" minLength:"1" maxLength:"120" example:"Ballinacarrow Orchard"`
	Description string `json:"description" maxLength:"2000" example:"Forty old Irish apple varieties, pressed and picked by one family."`
	Place       string `json:"place" minLength:"1" maxLength:"120" example:"Ballinacarrow" doc:"The town or village the farm is in."`
	Region      string `json:"region" maxLength:"120" example:"County Sligo" doc:"County, province or canton."`
	Country     string `json:"country" pattern:"^[A-Z]{2}$" example:"IE" doc:"ISO 3166-1 alpha-2 code."`
}

func (d FarmDetails) details() market.FarmDetails { return market.FarmDetails(d) }

type createFarmInput struct {
	Body FarmDetails
}

type updateFarmInput struct {
	IfMatch
	ID   string `path:"id" format:"uuid" example:"2b7d3c1e-58a4-5d0f-8a43-6f1f0d7b9c22"`
	Body FarmDetails
}

// RegisterFarms adds the farms to the API.
func RegisterFarms(api huma.API, catalogue *market.Catalogue, producers *market.Producers) {
	registerFarmReads(api, catalogue)
	huma.Register(api, protect(only(market.FarmOwner), createOperation("create-farm", "/api/v1/farms", "Open a farm", "Farms",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, in *createFarmInput) (*taggedAnswer[Farm], error) {
			farm, err := producers.CreateFarm(ctx, actor(ctx), in.Body.details())
			return answerFarm(ctx, farm, err)
		})
	update := updateOperation("update-farm", "/api/v1/farms/{id}", "Change a farm", "Farms")
	update.Errors = append(update.Errors, http.StatusConflict)
	update.Description = "A farm that is verified keeps its name, by which a market manager has verified it and customers know it: another one is " +
		"a 409. To rename it, have a market manager withdraw the verification, and verify it again under the new name."
	huma.Register(api, protect(owners(), update),
		func(ctx context.Context, in *updateFarmInput) (*taggedAnswer[Farm], error) {
			if err := in.required(); err != nil {
				return nil, err
			}
			unchanged := func(f market.Farm) bool { return matches(in.IfMatch, farmOf(f)) }
			farm, err := producers.UpdateFarm(ctx, actor(ctx), in.ID, unchanged, in.Body.details())
			return answerFarm(ctx, farm, err)
		})
	registerVerification(api, http.MethodPut, "verify-farm", "Verify a farm, so that it can sell",
		"What was taken off sale when its verification was withdrawn is on sale again, but for products that were deleted since.",
		producers.VerifyFarm)
	registerVerification(api, http.MethodDelete, "suspend-farm", "Withdraw a farm's verification, so that it sells nothing",
		"The farm and its products are not shown to visitors any more, and its offerings are off sale on every day that is not closed, until it is "+
			"verified again. Orders that were placed stay, and can be paid, cancelled, packed and collected.",
		producers.SuspendFarm)
}

// registerVerification adds an operation by which a market manager lets a farm sell, or not.
func registerVerification(api huma.API, method, id, summary, description string,
	judge func(context.Context, market.Actor, string, func(market.Farm) bool) (market.Farm, error),
) {
	op := operation(method, id, "/api/v1/farms/{id}/verification", summary, "Farms", http.StatusNotFound, http.StatusPreconditionFailed)
	op.Description = description
	huma.Register(api, protect(only(market.MarketManager, market.Admin), op),
		func(ctx context.Context, in *changeInput) (*taggedAnswer[Farm], error) {
			farm, err := judge(ctx, actor(ctx), in.ID, unchanged(in.OptionalIfMatch, farmOf))
			return answerFarm(ctx, farm, err)
		})
}

func answerFarm(ctx context.Context, farm market.Farm, err error) (*taggedAnswer[Farm], error) {
	if err != nil {
		return nil, problemOf(ctx, err)
	}
	return answerTagged(farmOf(farm)), nil
}

func registerFarmReads(api huma.API, catalogue *market.Catalogue) {
	huma.Register(api, protect(public(), readOperation("list-farms", "/api/v1/farms", "List the farms that are verified", "Farms",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *farmsParams) (*listAnswer[Farm], error) {
			page, err := catalogue.Farms(ctx, params.query())
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, farmOf), nil
		})
	huma.Register(api, protect(public(), readOperation("get-farm", "/api/v1/farms/{id}", "Get a farm", "Farms",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *IDParam) (*taggedAnswer[Farm], error) {
			farm, err := catalogue.Farm(ctx, params.ID)
			return answerFarm(ctx, farm, err)
		})
}

// readOperation describes an operation that reads. Besides the given statuses it may answer 503 and 504, when the
// database does not.
func readOperation(id, path, summary, tag string, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{tag},
		Errors: append(errors, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
}
