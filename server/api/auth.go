package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/ratelimit"
)

// Account is an account as the API shows it, to itself and to admins.
type Account struct {
	ID        string    `json:"id" format:"uuid" example:"0198c0de-0000-7000-8000-000000000000"`
	Email     string    `json:"email" format:"email" example:"nora@example.org"`
	Name      string    `json:"name" example:"Nora Byrne"`
	Role      string    `json:"role" enum:"customer,farm_owner,market_manager,admin"`
	CreatedAt time.Time `json:"created_at" example:"2026-03-14T08:00:00Z"`
	UpdatedAt time.Time `json:"updated_at" example:"2026-05-02T10:30:00Z"`
}

func accountOf(a market.Account) Account {
	return Account{
		ID: a.ID, Email: a.Email, Name: a.Name, Role: string(a.Role), CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

// Grant is what a client acts for an account with. The names are those of OAuth 2.0 (RFC 6749, 5.1).
type Grant struct {
	AccessToken      string    `json:"access_token" example:"eyJhbGciOi…" doc:"Send it as Authorization: Bearer TOKEN."`
	TokenType        string    `json:"token_type" enum:"Bearer"`
	ExpiresIn        int64     `json:"expires_in" example:"900" doc:"Seconds until the access token expires."`
	RefreshToken     string    `json:"refresh_token" example:"5d0f8a43-6f1f-4d7b-9c22-2b7d3c1e58a4.c2VjcmV0…" doc:"Good for one refresh. Keep it where scripts of other origins cannot read it."`
	RefreshExpiresAt time.Time `json:"refresh_expires_at" example:"2026-04-13T08:00:00Z" doc:"When the session ends for good; refreshing does not move it."`
	Account          Account   `json:"account"`
}

func grantOf(g auth.Grant) Grant {
	return Grant{
		AccessToken: g.AccessToken, TokenType: "Bearer", ExpiresIn: int64(g.AccessLifetime.Seconds()),
		RefreshToken: g.RefreshToken, RefreshExpiresAt: g.RefreshExpires, Account: accountOf(g.Account),
	}
}

// ClientAddress gives an operation the address of the client. The name is exported because Huma looks into embedded
// structs only then.
type ClientAddress struct{ client string }

// Resolve implements huma.Resolver.
func (a *ClientAddress) Resolve(ctx huma.Context) []error {
	a.client = ratelimit.Address(clientOf(humafiber.Unwrap(ctx)))
	return nil
}

type registerInput struct {
	ClientAddress
	Body struct {
		Email    string `json:"email" maxLength:"254" example:"nora@example.org" doc:"Kept in lower case."`
		Name     string `json:"name" minLength:"1" maxLength:"120" example:"Nora Byrne" doc:"What we call you."`
		Password string `json:"password" format:"password" minLength:"12" maxLength:"128" example:"walnut-Saturday-quince" doc:"Any characters, at least 5 different ones."`
		Role     string `json:"role,omitempty" enum:"customer,farm_owner" default:"customer" doc:"What you come for: to buy, or to sell."`
	}
}

type loginInput struct {
	ClientAddress
	Body struct {
		Email    string `json:"email" maxLength:"254" example:"nora@example.org"`
		Password string `json:"password" format:"password" maxLength:"128" example:"walnut-Saturday-quince"`
	}
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"200" example:"5d0f8a43-6f1f-4d7b-9c22-2b7d3c1e58a4.c2VjcmV0…"`
	}
}

type passwordInput struct {
	ClientAddress
	Body struct {
		CurrentPassword string `json:"current_password" format:"password" maxLength:"128" example:"walnut-Saturday-quince"`
		NewPassword     string `json:"new_password" format:"password" minLength:"12" maxLength:"128" example:"hazel-Sunday-medlar"`
	}
}

// Notice says what happened where there is nothing else to tell.
type Notice struct {
	Message string `json:"message" example:"If the address is new, the account is ready: log in."`
}

func registerAuth(api huma.API, sessions *auth.Sessions, accounts *market.Accounts) {
	huma.Register(api, protect(public(), authOperation("register", http.MethodPost, "register", "Register an account",
		"Answers the same whether the address has an account or not.", http.StatusAccepted, http.StatusTooManyRequests)),
		func(ctx context.Context, in *registerInput) (*itemAnswer[Notice], error) {
			err := sessions.Register(ctx, auth.Registration{
				Email: in.Body.Email, Name: in.Body.Name, Password: in.Body.Password, Role: market.Role(in.Body.Role), Client: in.client,
			})
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(Notice{Message: "If the address is new, the account is ready: log in."}), nil
		})
	huma.Register(api, protect(public(), authOperation("login", http.MethodPost, "login", "Log in",
		"Opens a session.", http.StatusOK, http.StatusUnauthorized, http.StatusTooManyRequests)),
		func(ctx context.Context, in *loginInput) (*itemAnswer[Grant], error) {
			grant, err := sessions.Login(ctx, in.Body.Email, in.Body.Password, in.client)
			return answerGrant(ctx, grant, err)
		})
	huma.Register(api, protect(public(), authOperation("refresh", http.MethodPost, "refresh", "Refresh a session",
		"Uses up the refresh token and answers with a new one. A token that was used before ends the session: refresh once at a time.",
		http.StatusOK, http.StatusUnauthorized)),
		func(ctx context.Context, in *refreshInput) (*itemAnswer[Grant], error) {
			grant, err := sessions.Refresh(ctx, in.Body.RefreshToken)
			return answerGrant(ctx, grant, err)
		})
	huma.Register(api, protect(public(), authOperation("logout", http.MethodPost, "logout", "Log out",
		"Ends the session of the refresh token. The access token stays good until it expires: forget it.", http.StatusNoContent)),
		func(ctx context.Context, in *refreshInput) (*struct{}, error) {
			if err := sessions.Logout(ctx, in.Body.RefreshToken); err != nil {
				return nil, problemOf(ctx, err)
			}
			return nil, nil //nolint:nilnil // 204 has no body
		})
	huma.Register(api, protect(authenticated(), authOperation("get-me", http.MethodGet, "me", "Who I am", "", http.StatusOK)),
		func(ctx context.Context, _ *struct{}) (*itemAnswer[Account], error) {
			account, err := accounts.Account(ctx, actor(ctx).ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(accountOf(account)), nil
		})
	huma.Register(api, protect(authenticated(), authOperation("change-password", http.MethodPost, "password", "Change the password",
		"Ends every session of the account, voids its access tokens, and opens a new session.", http.StatusOK, http.StatusTooManyRequests)),
		func(ctx context.Context, in *passwordInput) (*itemAnswer[Grant], error) {
			principal, _ := auth.From(ctx)
			grant, err := sessions.ChangePassword(ctx, principal, in.Body.CurrentPassword, in.Body.NewPassword, in.client)
			return answerGrant(ctx, grant, err)
		})
}

func answerGrant(ctx context.Context, grant auth.Grant, err error) (*itemAnswer[Grant], error) {
	if err != nil {
		return nil, problemOf(ctx, err)
	}
	return answerItem(grantOf(grant)), nil
}

func authOperation(id, method, path, summary, description string, status int, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1/auth/" + path, Summary: summary, Description: description,
		Tags: []string{"Auth"}, DefaultStatus: status,
		Errors: append(errors, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
}
