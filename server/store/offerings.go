package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type offeringRow struct {
	bun.BaseModel `bun:"table:offerings,alias:o"`

	ID            string    `bun:"id,pk"`
	MarketDayID   string    `bun:"market_day_id"`
	ProductID     string    `bun:"product_id"`
	FarmID        string    `bun:"farm_id"`
	PriceAmount   int64     `bun:"price_amount"`
	PriceCurrency string    `bun:"price_currency"`
	Quantity      int64     `bun:"quantity"`
	Available     int64     `bun:"available"`
	CreatedAt     time.Time `bun:"created_at"`
	UpdatedAt     time.Time `bun:"updated_at"`

	Name      string `bun:"name,scanonly"`
	UnitKind  string `bun:"unit_kind,scanonly"`
	UnitSize  int64  `bun:"unit_size,scanonly"`
	UnitLabel string `bun:"unit_label,scanonly"`
	FarmName  string `bun:"farm_name,scanonly"`
}

func toOfferingRow(o market.Offering) offeringRow {
	return offeringRow{
		ID: o.ID, MarketDayID: o.MarketDayID, ProductID: o.ProductID, FarmID: o.FarmID,
		PriceAmount: o.Price.Amount, PriceCurrency: string(o.Price.Currency), Quantity: o.Quantity, Available: o.Available,
		CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(),
	}
}

func (r offeringRow) offering() market.Offering {
	return market.Offering{
		ID: r.ID, MarketDayID: r.MarketDayID, ProductID: r.ProductID, FarmID: r.FarmID, FarmName: r.FarmName, Name: r.Name,
		Unit:     market.Unit{Kind: market.UnitKind(r.UnitKind), Size: r.UnitSize, Label: r.UnitLabel},
		Price:    market.Money{Amount: r.PriceAmount, Currency: market.Currency(r.PriceCurrency)},
		Quantity: r.Quantity, Available: r.Available,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// byProduct is the order of offerings.
var byProduct = order{column: "p.sort_name", id: "o.id", value: text}

// place implements entry.
func (r offeringRow) place(string) (id, key string) { return r.ID, fold(r.Name) }

// withProduct adds the product and the farm as they are called now.
func withProduct(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("o.*").ColumnExpr("p.name, p.unit_kind, p.unit_size, p.unit_label").ColumnExpr("f.name AS farm_name").
		Join("JOIN products AS p ON p.id = o.product_id").Join("JOIN farms AS f ON f.id = o.farm_id")
}

// Offering returns the offering with the id, or fails with market.ErrNotFound.
func (s *Store) Offering(ctx context.Context, id string) (market.Offering, error) {
	var offering market.Offering
	err := s.run(ctx, "get offering "+id, func(ctx context.Context) error {
		var err error
		offering, err = selectOffering(ctx, s.db, id, "")
		return err
	})
	return offering, err
}

func selectOffering(ctx context.Context, db bun.IDB, id, lock string) (market.Offering, error) {
	var row offeringRow
	err := locked(db.NewSelect().Model(&row).Apply(withProduct).Where("o.id = ?", id), lock).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return market.Offering{}, &market.NotFoundError{Kind: "offering", ID: id}
	}
	return row.offering(), err
}

// Offerings returns a page of offerings: those of a market day or of all, by the product's name. The query must be a
// valid one.
func (s *Store) Offerings(ctx context.Context, query market.OfferingQuery) (market.Page[market.Offering], error) {
	page := market.Page[market.Offering]{Paging: query.Paging}
	wanted := list[offeringRow]{paging: query.Paging, order: byProduct, columns: withProduct, filter: func(q *bun.SelectQuery) *bun.SelectQuery {
		if query.MarketDayID != "" {
			q = q.Where("o.market_day_id = ?", query.MarketDayID)
		}
		if query.FarmID != "" {
			q = q.Where("o.farm_id = ?", query.FarmID)
		}
		return q
	}}
	err := s.run(ctx, "list offerings", func(ctx context.Context) error {
		var rows []offeringRow
		var err error
		page.Extent, err = wanted.scan(ctx, s.db, &rows)
		page.Items = convert(rows, offeringRow.offering)
		return err
	})
	return page, err
}

// AddOffering keeps a new offering. It fails with market.ErrConflict when the product is on offer on that day.
func (s *Store) AddOffering(ctx context.Context, offering market.Offering) error {
	err := s.write(ctx, "offer product "+offering.ProductID, func(ctx context.Context, tx bun.Tx) error {
		row := toOfferingRow(offering)
		return insert(ctx, tx.NewInsert().Model(&row))
	})
	if errors.Is(err, market.ErrDuplicate) {
		return &market.ConflictError{Kind: "product", ID: offering.ProductID, Reason: "is on offer on that market day already"}
	}
	return err
}

// ChangeOffering locks the offering, lets change alter it, and saves it.
func (s *Store) ChangeOffering(ctx context.Context, id string, change func(*market.Offering) error) (market.Offering, error) {
	var offering market.Offering
	err := s.write(ctx, "change offering "+id, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if offering, err = selectOffering(ctx, tx, id, forNoKeyUpdate+" OF o"); err != nil {
			return err
		}
		if err := change(&offering); err != nil {
			return err
		}
		row := toOfferingRow(offering)
		_, err = tx.NewUpdate().Model(&row).WherePK().Column("price_amount", "quantity", "available", "updated_at").Exec(ctx)
		return err
	})
	return offering, err
}
