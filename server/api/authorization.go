package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

// challenge tells a client without credentials which ones are taken (RFC 6750).
const challenge = `Bearer realm="farmers-market"`

// sendToken says how, without writing a header out: that would be taken for one with a secret in it.
const sendToken = "send the access token in the Authorization header, after the word Bearer and a space"

// Access says who may call an operation. The zero Access lets nobody.
type Access struct {
	public bool
	roles  []market.Role
	owned  bool
}

// public lets everyone, with or without an account.
func public() Access { return Access{public: true} }

// authenticated lets every account, whatever its role.
func authenticated() Access { return only(market.Roles()...) }

// only lets accounts with one of the roles.
func only(roles ...market.Role) Access { return Access{roles: roles} }

// owner lets accounts with one of the roles, of which the use case refuses those that the resource does not belong to.
func owner(roles ...market.Role) Access { return Access{roles: roles, owned: true} }

// String writes the rule as a line of the table.
func (a Access) String() string {
	names := make([]string, len(a.roles))
	for i, role := range a.roles {
		names[i] = string(role)
	}
	switch {
	case a.public:
		return "public"
	case len(names) == len(market.Roles()):
		names = []string{"authenticated"}
	}
	if a.owned {
		return strings.Join(names, ", ") + "; the resource's owner"
	}
	return strings.Join(names, ", ")
}

// permits judges an account, but for ownership. It fails with market.ErrForbidden.
func (a Access) permits(p auth.Principal) error {
	if a.public || slices.Contains(a.roles, p.Role) {
		return nil
	}
	return &market.ForbiddenError{Reason: fmt.Sprintf("this is for %s; your account's role is %s", a, p.Role)}
}

// accessKey is where an operation carries its rule.
const accessKey = "access"

// protect gives the operation its access rule, and writes it into the OpenAPI document. Every operation must pass
// through it: one without a rule stops the start.
func protect(rule Access, op huma.Operation) huma.Operation {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[accessKey] = rule
	if rule.public {
		return op
	}
	op.Security = []map[string][]string{{"bearer": {}}}
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions["x-access"] = rule.String()
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	return op
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{"bearer": {
		Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "The access token that a login or a refresh answers with.",
	}}
}

// checkAccess fails when an operation has no access rule.
func checkAccess(document *huma.OpenAPI) error {
	var problems []error
	for path, item := range document.Paths {
		for method, op := range operationsOf(item) {
			if _, ok := op.Metadata[accessKey].(Access); !ok || op.OperationID == "" {
				problems = append(problems, fmt.Errorf("%s %s has no access rule or no id: register it through protect", method, path))
			}
		}
	}
	return errors.Join(problems...)
}

// operationsOf returns the operations of a path by method.
func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodDelete: item.Delete,
		http.MethodPatch: item.Patch, http.MethodHead: item.Head, http.MethodOptions: item.Options, http.MethodTrace: item.Trace,
	}
	for method, op := range all {
		if op == nil {
			delete(all, method)
		}
	}
	return all
}

// refusedToken is where the context keeps why the request's token was not taken.
type refusedToken struct{}

// authenticate finds out whom the request is for. It asks only the token: whether the account is still as the token
// says, authorize asks where it matters. A token that is no good does not hinder what is public.
func authenticate(sessions *auth.Sessions) fiber.Handler {
	return func(c *fiber.Ctx) error {
		header := c.Get(fiber.HeaderAuthorization)
		if header == "" {
			return c.Next()
		}
		ctx := c.UserContext()
		principal, err := readToken(sessions, header)
		if err != nil {
			c.SetUserContext(context.WithValue(ctx, refusedToken{}, err))
		} else {
			c.SetUserContext(auth.With(ctx, principal))
		}
		return c.Next()
	}
}

func readToken(sessions *auth.Sessions, header string) (auth.Principal, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Principal{}, &market.UnauthenticatedError{Reason: sendToken}
	}
	return sessions.Authenticate(token)
}

// authorize enforces each operation's rule before anything else of the request is read. An operation without one, which
// can only be a hidden one, is refused.
func authorize(api huma.API, sessions *auth.Sessions) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		rule, _ := ctx.Operation().Metadata[accessKey].(Access)
		if rule.public {
			next(ctx)
			return
		}
		principal, err := confirm(ctx.Context(), sessions)
		if err == nil {
			err = rule.permits(principal)
		}
		if err != nil {
			refuse(api, ctx, err)
			return
		}
		next(huma.WithContext(ctx, auth.With(ctx.Context(), principal)))
	}
}

// confirm returns the principal with its role. It fails with market.ErrUnauthenticated when there is none.
func confirm(ctx context.Context, sessions *auth.Sessions) (auth.Principal, error) {
	if err, refused := ctx.Value(refusedToken{}).(error); refused {
		return auth.Principal{}, err
	}
	principal, known := auth.From(ctx)
	if !known {
		return auth.Principal{}, &market.UnauthenticatedError{Reason: "this needs an account: log in and " + sendToken}
	}
	return sessions.Confirm(ctx, principal)
}

// refuse answers an error of the domain, in a Huma middleware.
func refuse(api huma.API, ctx huma.Context, err error) {
	p := describe(ctx.Context(), err)
	if name, value := headerOf(p); name != "" {
		ctx.SetHeader(name, value)
	}
	if p.Status == http.StatusUnauthorized && ctx.Header(fiber.HeaderAuthorization) != "" {
		ctx.SetHeader(fiber.HeaderWWWAuthenticate, challenge+`, error="invalid_token"`)
	}
	_ = huma.WriteErr(api, ctx, p.Status, p.Detail) // it logs what it cannot write: the client has gone
}

// actor is who a use case is carried out for. The zero Actor is anonymous.
func actor(ctx context.Context) market.Actor {
	principal, _ := auth.From(ctx)
	return principal.Actor()
}
