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
	OptionalIfMatch
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
	huma.Register(api, protect(only(market.Admin), readOperation("get-account", "/api/v1/accounts/{id}", "Get an account", "Accounts",
		http.StatusNotFound, http.StatusUnprocessableEntity)),
		func(ctx context.Context, in *IDParam) (*taggedAnswer[Account], error) {
			account, err := accounts.Account(ctx, in.ID)
			return answerAccount(ctx, account, err)
		})
	change := operation(http.MethodPut, "set-role", "/api/v1/accounts/{id}/role", "Set the role of an account", "Accounts",
		http.StatusNotFound, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)
	change.Description = "Nobody can change their own."
	huma.Register(api, protect(only(market.Admin), change),
		func(ctx context.Context, in *roleInput) (*taggedAnswer[Account], error) {
			account, err := accounts.SetRole(ctx, actor(ctx), in.ID, unchanged(in.OptionalIfMatch, accountOf), market.Role(in.Body.Role))
			if err == nil {
				sessions.Forget(account.ID)
			}
			return answerAccount(ctx, account, err)
		})
}

func answerAccount(ctx context.Context, account market.Account, err error) (*taggedAnswer[Account], error) {
	if err != nil {
		return nil, problemOf(ctx, err)
	}
	return answerTagged(accountOf(account)), nil
}
