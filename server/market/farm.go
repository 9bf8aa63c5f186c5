package market

import "time"

// Farm is a producer who sells at the market.
type Farm struct {
	ID          string // UUID
	Name        string
	Description string
	Place       string // the town or village it is in
	Region      string // county, province or canton
	Country     string // ISO 3166-1 alpha-2 code
	OwnerID     string // of the account that runs it; empty when none does
	Verified    bool   // it may sell: a market manager has seen that it is what it says
	VerifiedAt  time.Time
	VerifiedBy  string // account; empty when it came with the market
	Version     int64  // counts its changes, from 1
	CreatedAt   time.Time
	UpdatedAt   time.Time
}
