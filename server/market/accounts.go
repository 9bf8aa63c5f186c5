package market

import (
	"context"
	"strings"
)

// AccountStore is what the accounts need of a database. Its errors are of the kinds in this package.
type AccountStore interface {
	Account(ctx context.Context, id string) (Account, error)
	Accounts(ctx context.Context, query AccountQuery) (Page[Account], error)
	// ChangeAccount locks the account, lets change alter its role, and saves it.
	ChangeAccount(ctx context.Context, id string, change func(*Account) error) (Account, error)
}

// Accounts is who can use the market, and as what.
type Accounts struct {
	store AccountStore
	clock Clock
}

// NewAccounts returns the accounts kept in the store.
func NewAccounts(store AccountStore, clock Clock) *Accounts {
	return &Accounts{store: store, clock: clock}
}

// Account returns one account. It fails with ErrNotFound.
func (a *Accounts) Account(ctx context.Context, id string) (Account, error) {
	return a.store.Account(ctx, strings.ToLower(id))
}

// List returns a page of the accounts that the query picks. It fails with ErrInvalid.
func (a *Accounts) List(ctx context.Context, query AccountQuery) (Page[Account], error) {
	query, err := query.normalize()
	if err != nil {
		return Page[Account]{}, err
	}
	page, err := a.store.Accounts(ctx, query)
	return withNext(page, err, query.picks())
}

// SetRole gives the account another role, if it is still as the actor saw it, which unchanged decides; nil when that does
// not matter. Nobody can change their own, so that there is always an admin left. It fails with ErrInvalid, ErrForbidden,
// ErrNotFound or ErrPreconditionFailed.
func (a *Accounts) SetRole(ctx context.Context, actor Actor, id string, unchanged func(Account) bool, role Role) (Account, error) {
	id = strings.ToLower(id)
	if !role.Valid() {
		return Account{}, &InvalidError{Field: "role", Rule: "be one of " + list(Roles()), Value: role}
	}
	if actor.ID == id {
		return Account{}, &ForbiddenError{Reason: "nobody can change their own role: ask another admin"}
	}
	return a.store.ChangeAccount(ctx, id, func(account *Account) error {
		if unchanged != nil && !unchanged(*account) {
			return &PreconditionError{Kind: "account", ID: id}
		}
		account.Role, account.UpdatedAt = role, a.clock.Now()
		return nil
	})
}
