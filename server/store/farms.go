package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type farmRow struct {
	bun.BaseModel `bun:"table:farms,alias:f"`

	ID          string    `bun:"id,pk"`
	Name        string    `bun:"name"`
	Description string    `bun:"description"`
	Place       string    `bun:"place"`
	Region      string    `bun:"region"`
	Country     string    `bun:"country"`
	OwnerID     string    `bun:"owner_id,nullzero"`
	VerifiedAt  time.Time `bun:"verified_at,nullzero"`
	VerifiedBy  string    `bun:"verified_by,nullzero"`
	Version     int64     `bun:"version"`
	SortName    string    `bun:"sort_name"`
	SearchText  string    `bun:"search_text"`
	CreatedAt   time.Time `bun:"created_at"`
	UpdatedAt   time.Time `bun:"updated_at"`
}

func toFarmRow(f market.Farm) farmRow {
	return farmRow{
		ID: f.ID, Name: f.Name, Description: f.Description, Place: f.Place, Region: f.Region, Country: f.Country,
		OwnerID: f.OwnerID, VerifiedAt: f.VerifiedAt.UTC(), VerifiedBy: f.VerifiedBy, Version: max(f.Version, 1),
		SortName: fold(f.Name), SearchText: searchable(f.Name, f.Place, f.Description),
		CreatedAt: f.CreatedAt.UTC(), UpdatedAt: f.UpdatedAt.UTC(),
	}
}

func (r farmRow) farm() market.Farm {
	return market.Farm{
		ID: r.ID, Name: r.Name, Description: r.Description, Place: r.Place, Region: r.Region, Country: r.Country,
		OwnerID: r.OwnerID, Verified: !r.VerifiedAt.IsZero(), VerifiedAt: r.VerifiedAt.UTC(), VerifiedBy: r.VerifiedBy,
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// place implements entry.
func (r farmRow) place(column string) (id, key string) {
	if column == newest.column {
		return r.ID, writeMoment(r.CreatedAt)
	}
	return r.ID, r.SortName
}

// Farm returns the farm with the id, or fails with market.ErrNotFound.
func (s *Store) Farm(ctx context.Context, id string) (market.Farm, error) {
	var row farmRow
	err := s.run(ctx, "get farm "+id, func(ctx context.Context) error {
		return s.db.NewSelect().Model(&row).ExcludeColumn("sort_name", "search_text").Where("id = ?", id).Scan(ctx)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.Farm{}, &market.NotFoundError{Kind: "farm", ID: id}
	}
	return row.farm(), err
}

// Farms returns a page of farms. The query must be a valid one, as the catalogue's are.
func (s *Store) Farms(ctx context.Context, query market.FarmQuery) (market.Page[market.Farm], error) {
	page := market.Page[market.Farm]{Paging: query.Paging}
	wanted := list[farmRow]{
		paging: query.Paging, order: orders[query.Sort],
		columns: func(q *bun.SelectQuery) *bun.SelectQuery { return q.ExcludeColumn("search_text") },
		filter: func(q *bun.SelectQuery) *bun.SelectQuery {
			if query.OwnerID != "" {
				q = q.Where("owner_id = ?", query.OwnerID)
			}
			if query.Listed || query.Verified != nil && *query.Verified {
				q = q.Where("verified_at IS NOT NULL")
			}
			if query.Verified != nil && !*query.Verified {
				q = q.Where("verified_at IS NULL")
			}
			return q
		},
	}
	err := s.run(ctx, "list farms", func(ctx context.Context) error {
		var rows []farmRow
		var err error
		page.Extent, err = wanted.search(ctx, s.db, farmTexts, query.Search, &rows)
		page.Items = convert(rows, farmRow.farm)
		return err
	})
	return page, err
}

func convert[From, To any](rows []From, to func(From) To) []To {
	items := make([]To, len(rows))
	for i, row := range rows {
		items[i] = to(row)
	}
	return items
}
