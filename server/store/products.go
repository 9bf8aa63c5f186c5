package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type productRow struct {
	bun.BaseModel `bun:"table:products,alias:p"`

	ID            string    `bun:"id,pk"`
	FarmID        string    `bun:"farm_id"`
	FarmName      string    `bun:"farm_name,scanonly"`
	Name          string    `bun:"name"`
	Description   string    `bun:"description"`
	Category      string    `bun:"category"`
	UnitKind      string    `bun:"unit_kind"`
	UnitSize      int64     `bun:"unit_size"`
	UnitLabel     string    `bun:"unit_label"`
	PriceAmount   int64     `bun:"price_amount"`
	PriceCurrency string    `bun:"price_currency"`
	Season        uint16    `bun:"season"`
	Image         string    `bun:"image,nullzero"`
	Version       int64     `bun:"version"`
	SortName      string    `bun:"sort_name"`
	SearchText    string    `bun:"search_text"`
	CreatedAt     time.Time `bun:"created_at"`
	UpdatedAt     time.Time `bun:"updated_at"`
}

// farmNameColumn reads the farm's name. A subquery, where a join would let the planner start from the farms and sort.
const farmNameColumn = "(SELECT f.name FROM farms AS f WHERE f.id = p.farm_id) AS farm_name"

func toProductRow(p market.Product) productRow {
	return productRow{
		ID: p.ID, FarmID: p.FarmID, Name: p.Name, Description: p.Description, Category: string(p.Category),
		UnitKind: string(p.Unit.Kind), UnitSize: p.Unit.Size, UnitLabel: p.Unit.Label,
		PriceAmount: p.Price.Amount, PriceCurrency: string(p.Price.Currency), Season: uint16(p.Season),
		Image:   p.Image,
		Version: max(p.Version, 1), SortName: fold(p.Name), SearchText: searchable(p.Name, p.Description, p.FarmName),
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
}

func (r productRow) product() market.Product {
	return market.Product{
		ID: r.ID, FarmID: r.FarmID, FarmName: r.FarmName, Name: r.Name, Description: r.Description,
		Category:  market.Category(r.Category),
		Unit:      market.Unit{Kind: market.UnitKind(r.UnitKind), Size: r.UnitSize, Label: r.UnitLabel},
		Price:     market.Money{Amount: r.PriceAmount, Currency: market.Currency(r.PriceCurrency)},
		Season:    market.Season(r.Season),
		Image:     r.Image,
		Version:   r.Version,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// place implements entry.
func (r productRow) place(column string) (id, key string) {
	switch column {
	case "price_amount":
		return r.ID, strconv.FormatInt(r.PriceAmount, 10)
	case newest.column:
		return r.ID, writeMoment(r.CreatedAt)
	}
	return r.ID, r.SortName
}

// Product returns the product with the id, or fails with market.ErrNotFound.
func (s *Store) Product(ctx context.Context, id string) (market.Product, error) {
	var row productRow
	err := s.run(ctx, "get product "+id, func(ctx context.Context) error {
		return s.db.NewSelect().Model(&row).ExcludeColumn("sort_name", "search_text").ColumnExpr(farmNameColumn).
			Where("id = ? AND deleted_at IS NULL", id).Scan(ctx)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.Product{}, &market.NotFoundError{Kind: "product", ID: id}
	}
	return row.product(), err
}

// Products returns a page of products. The query must be a valid one, as the catalogue's are.
func (s *Store) Products(ctx context.Context, query market.ProductQuery) (market.Page[market.Product], error) {
	page := market.Page[market.Product]{Paging: query.Paging}
	wanted := list[productRow]{
		paging: query.Paging, order: orders[query.Sort],
		columns: func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.ExcludeColumn("search_text").ColumnExpr(farmNameColumn)
		},
		filter: func(q *bun.SelectQuery) *bun.SelectQuery {
			q = q.Where("deleted_at IS NULL")
			if query.Category != "" {
				q = q.Where("category = ?", query.Category)
			}
			if query.FarmID != "" {
				q = q.Where("farm_id = ?", query.FarmID)
			}
			if query.OwnerID != "" {
				q = q.Where("farm_id IN (SELECT f.id FROM farms AS f WHERE f.owner_id = ?)", query.OwnerID)
			}
			if query.Listed { // few farms wait to be verified, so that these are looked up, not those
				q = q.Where("farm_id NOT IN (SELECT f.id FROM farms AS f WHERE f.verified_at IS NULL)")
			}
			return q
		},
	}
	err := s.run(ctx, "list products", func(ctx context.Context) error {
		var rows []productRow
		var err error
		page.Extent, err = wanted.search(ctx, s.db, productTexts, query.Search, &rows)
		page.Items = convert(rows, productRow.product)
		return err
	})
	return page, err
}
