package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type marketRow struct {
	bun.BaseModel `bun:"table:markets,alias:m"`

	ID          string    `bun:"id,pk"`
	Name        string    `bun:"name"`
	Description string    `bun:"description"`
	Place       string    `bun:"place"`
	Region      string    `bun:"region"`
	Country     string    `bun:"country"`
	TimeZone    string    `bun:"time_zone"`
	Currency    string    `bun:"currency"`
	SortName    string    `bun:"sort_name"`
	CreatedAt   time.Time `bun:"created_at"`
	UpdatedAt   time.Time `bun:"updated_at"`
}

type slotRow struct {
	bun.BaseModel `bun:"table:pickup_slots,alias:s"`

	ID       string `bun:"id,pk"`
	MarketID string `bun:"market_id"`
	Label    string `bun:"label"`
	StartsAt string `bun:"starts_at"`
	EndsAt   string `bun:"ends_at"`
}

func toMarketRow(m market.Market) marketRow {
	return marketRow{
		ID: m.ID, Name: m.Name, Description: m.Description, Place: m.Place, Region: m.Region, Country: m.Country,
		TimeZone: m.TimeZone, Currency: string(m.Currency), SortName: fold(m.Name),
		CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(),
	}
}

func (r marketRow) market() market.Market {
	return market.Market{
		ID: r.ID, Name: r.Name, Description: r.Description, Place: r.Place, Region: r.Region, Country: r.Country,
		TimeZone: r.TimeZone, Currency: market.Currency(r.Currency),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func toSlotRow(s market.PickupSlot) slotRow {
	return slotRow{ID: s.ID, MarketID: s.MarketID, Label: s.Label, StartsAt: s.StartsAt, EndsAt: s.EndsAt}
}

func (r slotRow) slot() market.PickupSlot {
	return market.PickupSlot{ID: r.ID, MarketID: r.MarketID, Label: r.Label, StartsAt: r.StartsAt, EndsAt: r.EndsAt}
}

// place implements entry.
func (r marketRow) place(string) (id, key string) { return r.ID, r.SortName }

// Market returns the market with the id, or fails with market.ErrNotFound.
func (s *Store) Market(ctx context.Context, id string) (market.Market, error) {
	var found []market.Market
	err := s.run(ctx, "get market "+id, func(ctx context.Context) error {
		var row marketRow
		if err := s.db.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx); err != nil {
			return err
		}
		found = []market.Market{row.market()}
		return addSlots(ctx, s.db, found)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.Market{}, &market.NotFoundError{Kind: "market", ID: id}
	}
	if err != nil {
		return market.Market{}, err
	}
	return found[0], nil
}

// Markets returns a page of markets by name. The query must be a valid one.
func (s *Store) Markets(ctx context.Context, query market.MarketQuery) (market.Page[market.Market], error) {
	page := market.Page[market.Market]{Paging: query.Paging}
	err := s.run(ctx, "list markets", func(ctx context.Context) error {
		var rows []marketRow
		var err error
		wanted := list[marketRow]{paging: query.Paging, order: byName, filter: func(q *bun.SelectQuery) *bun.SelectQuery { return q }}
		if page.Extent, err = wanted.scan(ctx, s.db, &rows); err != nil {
			return err
		}
		page.Items = convert(rows, marketRow.market)
		return addSlots(ctx, s.db, page.Items)
	})
	return page, err
}

// addSlots reads the slots of the markets.
func addSlots(ctx context.Context, db bun.IDB, markets []market.Market) error {
	if len(markets) == 0 {
		return nil
	}
	position := map[string]int{}
	ids := make([]string, len(markets))
	for i := range markets {
		ids[i], position[markets[i].ID] = markets[i].ID, i
	}
	var rows []slotRow
	err := db.NewSelect().Model(&rows).Where("market_id IN (?)", bun.List(ids)).Order("market_id", "starts_at", "id").Scan(ctx)
	for _, row := range rows {
		m := &markets[position[row.MarketID]]
		m.Slots = append(m.Slots, row.slot())
	}
	return err
}

// AddMarket keeps a new market with its slots.
func (s *Store) AddMarket(ctx context.Context, m market.Market) error {
	return s.write(ctx, "add market "+m.Name, func(ctx context.Context, tx bun.Tx) error {
		row, slots := toMarketRow(m), convert(m.Slots, toSlotRow)
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&slots).Exec(ctx)
		return err
	})
}
