package market

import "slices"

// Role says what an account may do. An account has one.
type Role string

// The roles.
const (
	Customer      Role = "customer"       // orders
	FarmOwner     Role = "farm_owner"     // runs farms and their products
	MarketManager Role = "market_manager" // verifies farms, runs markets and market days
	Admin         Role = "admin"          // runs accounts
)

// Roles returns every role.
func Roles() []Role { return []Role{Customer, FarmOwner, MarketManager, Admin} }

// Valid reports whether there is such a role.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Actor is the account for which a use case is carried out. The zero Actor is anonymous.
type Actor struct {
	ID   string // of the account; UUID
	Role Role
}
