// Package auth says who a caller is: passwords, tokens, sessions and the throttle on guessing.
package auth

import (
	"context"

	"github.com/farmersmarket/platform/server/market"
)

// Principal is the account that a request is made for.
type Principal struct {
	AccountID string
	Role      market.Role // empty on public operations, which have no use for it

	version int64 // of the credentials that the token was issued for
}

// Actor is the principal as the domain knows it. The zero Principal is anonymous.
func (p Principal) Actor() market.Actor { return market.Actor{ID: p.AccountID, Role: p.Role} }

type principalKey struct{}

// With returns a context in which p is the principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the principal of the request; ok is false when it is anonymous.
func From(ctx context.Context) (p Principal, ok bool) {
	p, ok = ctx.Value(principalKey{}).(Principal)
	return p, ok
}
