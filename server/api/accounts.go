package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

type accountsParams struct {
	PageParams
	Role string `query:"role" enum:"customer,farm_owner,market_manager,admin" doc:"Only accounts with this role."`
}

type roleInput struct {
	ID   string `path:"id" format:"uuid" example:"0198c0de-0000-7000-8000-000000000000"`
	Body struct {
		Role string `json:"role" enum:"customer,farm_owner,market_manager,admin"`
	}
}

func registerAccounts(api huma.API, accounts *market.Accounts, sessions *auth.Sessions) {
	huma.Register(api, protect(only(market.Admin), readOperation("list-accounts", "/api/v1/accounts", "List accounts, the newest first",
		"Accounts", http.StatusUnprocessableEntity)),
		func(ctx context.Context, params *accountsParams) (*listAnswer[Account], error) {
			page, err := accounts.List(ctx, market.AccountQuery{Paging: params.paging(), Role: market.Role(params.Role)})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerPage(page, accountOf), nil
		})
	huma.Register(api, protect(only(market.Admin), huma.Operation{
		OperationID: "set-role", Method: http.MethodPut, Path: "/api/v1/accounts/{id}/role", Tags: []string{"Accounts"},
		Summary: "Set the role of an account", Description: "Nobody can change their own.",
		Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
	}),
		func(ctx context.Context, in *roleInput) (*itemAnswer[Account], error) {
			account, err := accounts.SetRole(ctx, actor(ctx), in.ID, market.Role(in.Body.Role))
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			sessions.Forget(account.ID)
			return answerItem(accountOf(account)), nil
		})
}
