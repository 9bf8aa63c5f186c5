package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
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
	WithdrawnAt   time.Time `bun:"withdrawn_at,nullzero"`
	SortName      string    `bun:"sort_name"` // the product's
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
		WithdrawnAt: o.WithdrawnAt.UTC(), CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(),
	}
}

func (r offeringRow) offering() market.Offering {
	return market.Offering{
		ID: r.ID, MarketDayID: r.MarketDayID, ProductID: r.ProductID, FarmID: r.FarmID, FarmName: r.FarmName, Name: r.Name,
		Unit:     market.Unit{Kind: market.UnitKind(r.UnitKind), Size: r.UnitSize, Label: r.UnitLabel},
		Price:    market.Money{Amount: r.PriceAmount, Currency: market.Currency(r.PriceCurrency)},
		Quantity: r.Quantity, Available: r.Available, WithdrawnAt: r.WithdrawnAt.UTC(),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// byProduct is the order of offerings.
var byProduct = order{column: "o.sort_name", id: "o.id", value: text}

// place implements entry.
func (r offeringRow) place(string) (id, key string) { return r.ID, r.SortName }

// withProduct adds the product and the farm as they are called now.
func withProduct(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("o.*").ColumnExpr("p.name, p.unit_kind, p.unit_size, p.unit_label").ColumnExpr("f.name AS farm_name").
		Join("JOIN products AS p ON p.id = o.product_id").Join("JOIN farms AS f ON f.id = o.farm_id")
}

// Offering returns the offering with the id, on sale or not, or fails with market.ErrNotFound.
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

// Offerings returns a page of the offerings that are on sale: those of a market day or of all, by the product's name. The
// query must be a valid one.
func (s *Store) Offerings(ctx context.Context, query market.OfferingQuery) (market.Page[market.Offering], error) {
	page := market.Page[market.Offering]{Paging: query.Paging}
	wanted := list[offeringRow]{paging: query.Paging, order: byProduct, columns: withProduct, filter: func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("o.withdrawn_at IS NULL")
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

// AddOffering keeps a new offering. It fails with market.ErrConflict when the product is on offer on that day or its farm is
// not verified, and with market.ErrNotFound when it was deleted.
func (s *Store) AddOffering(ctx context.Context, offering market.Offering) error {
	err := s.write(ctx, "offer product "+offering.ProductID, func(ctx context.Context, tx bun.Tx) error {
		verified, err := sellers(ctx, tx, []string{offering.FarmID})
		if err != nil {
			return err
		}
		if !verified[offering.FarmID] {
			return market.NotVerified(offering.FarmID)
		}
		rows, err := ofProducts(ctx, tx, []offeringRow{toOfferingRow(offering)})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return &market.NotFoundError{Kind: "product", ID: offering.ProductID}
		}
		return insert(ctx, tx.NewInsert().Model(&rows))
	})
	if errors.Is(err, market.ErrDuplicate) {
		return &market.ConflictError{Kind: "product", ID: offering.ProductID, Reason: "is on offer on that market day already"}
	}
	return err
}

// ofProducts returns the offerings whose products there are, with the names by which they are listed. Until the transaction
// ends nobody deletes or renames one of these products, so that none is on offer that was deleted.
func ofProducts(ctx context.Context, tx bun.Tx, offerings []offeringRow) ([]offeringRow, error) {
	ids := convert(offerings, func(o offeringRow) string { return o.ProductID })
	slices.Sort(ids) // locked in one order
	names := map[string]string{}
	for some := range slices.Chunk(slices.Compact(ids), saveBatch) {
		var found []productRow
		query := tx.NewSelect().Model(&found).Column("id", "sort_name").Where("id IN (?)", bun.List(some)).Where("deleted_at IS NULL")
		if err := locked(query.Order("id"), forShare).Scan(ctx); err != nil {
			return nil, err
		}
		for i := range found {
			names[found[i].ID] = found[i].SortName
		}
	}
	offerings = slices.DeleteFunc(offerings, func(o offeringRow) bool { _, there := names[o.ProductID]; return !there })
	for i := range offerings {
		offerings[i].SortName = names[offerings[i].ProductID]
	}
	return offerings, nil
}

// renameOfferings makes the products' offerings be listed by the names that these have now.
func renameOfferings(ctx context.Context, tx bun.Tx, productIDs []string) error {
	const name = "(SELECT p.sort_name FROM products AS p WHERE p.id = o.product_id)"
	if len(productIDs) == 0 {
		return nil
	}
	ids, err := lockOfferings(ctx, tx.NewSelect().Model((*offeringRow)(nil)).
		Where("o.product_id IN (?)", bun.List(productIDs)).Where("o.sort_name <> "+name), forNoKeyUpdate)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.NewUpdate().Model((*offeringRow)(nil)).Set("sort_name = "+name).Where("o.id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// ofOpenDays picks the offerings of days that are not closed. The windows of closed ones cannot be moved any more.
const ofOpenDays = "market_day_id IN (SELECT d.id FROM market_days AS d WHERE d.closed_at IS NULL)"

// withdraw takes the offerings of a product or a farm, as the column says, off sale, but for those of closed days. It waits
// for the orders that have locked them; those that wait behind it see that they are too late.
func withdraw(ctx context.Context, tx bun.Tx, column, id string, at time.Time) error {
	ids, err := lockOfferings(ctx, tx.NewSelect().Model((*offeringRow)(nil)).Where("? = ?", bun.Ident(column), id).
		Where("withdrawn_at IS NULL").Where(ofOpenDays), forNoKeyUpdate)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.NewUpdate().Model((*offeringRow)(nil)).Set("withdrawn_at = ?", at.UTC()).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// deleteOfferings deletes those of a locked day.
func deleteOfferings(ctx context.Context, tx bun.Tx, dayID string) error {
	_, err := lockOfferings(ctx, tx.NewSelect().Model((*offeringRow)(nil)).Where("market_day_id = ?", dayID), forUpdate)
	if err != nil {
		return err
	}
	_, err = tx.NewDelete().Model((*offeringRow)(nil)).Where("market_day_id = ?", dayID).Exec(ctx)
	return err
}

// lockOfferings locks what the query picks in the order in which everybody does, and returns the ids.
func lockOfferings(ctx context.Context, query *bun.SelectQuery, lock string) ([]string, error) {
	var ids []string
	err := locked(query.Column("id").Order("id"), lock).Scan(ctx, &ids)
	return ids, err
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
