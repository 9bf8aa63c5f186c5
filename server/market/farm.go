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
	CreatedAt   time.Time
	UpdatedAt   time.Time
}
