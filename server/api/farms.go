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
	CreatedAt   time.Time `json:"created_at" example:"2026-03-14T08:00:00Z" doc:"When the farm joined the market; UTC."`
	UpdatedAt   time.Time `json:"updated_at" example:"2026-05-02T10:30:00Z" doc:"When this last changed; UTC."`
}

func farmOf(f market.Farm) Farm {
	return Farm{
		ID: f.ID, Name: f.Name, Description: f.Description, Place: f.Place, Region: f.Region, Country: f.Country,
		CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
	}
}

type farmsParams struct {
	PageParams
	Search string `query:"q" maxLength:"100" example:"orchard" doc:"Words that the name, place or description contains; case and accents do not matter."`
	Sort   string `query:"sort" default:"name" enum:"name,-name,newest" doc:"The order; a minus turns it round."`
}

// RegisterFarms adds the farms to the API.
func RegisterFarms(api huma.API, catalogue *market.Catalogue) {
	huma.Register(api, protect(public(), readOperation("list-farms", "/api/v1/farms", "List farms", "Farms",
		http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *farmsParams) (*listAnswer[Farm], error) {
			page, err := catalogue.Farms(ctx, market.FarmQuery{
				Paging: params.paging(), Search: params.Search, Sort: market.Sort(params.Sort),
			})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, farmOf), nil
		})
	huma.Register(api, protect(public(), readOperation("get-farm", "/api/v1/farms/{id}", "Get a farm", "Farms",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *idParam) (*itemAnswer[Farm], error) {
			farm, err := catalogue.Farm(ctx, params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(farmOf(farm)), nil
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
