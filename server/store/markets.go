package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
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
	var found market.Market
	err := s.run(ctx, "get market "+id, func(ctx context.Context) error {
		var err error
		found, err = selectMarket(ctx, s.db, id, "")
		return err
	})
	return found, err
}

// selectMarket reads a market with its slots, with a lock where one is given and the database has them.
func selectMarket(ctx context.Context, db bun.IDB, id, lock string) (market.Market, error) {
	var row marketRow
	err := locked(db.NewSelect().Model(&row).Where("id = ?", id), lock).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return market.Market{}, &market.NotFoundError{Kind: "market", ID: id}
	}
	if err != nil {
		return market.Market{}, err
	}
	found := []market.Market{row.market()}
	err = addSlots(ctx, db, found)
	return found[0], err
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

// addSlots reads the slots of the markets that take orders.
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
	err := db.NewSelect().Model(&rows).Where("market_id IN (?)", bun.List(ids)).Where("removed_at IS NULL").
		Order("market_id", "starts_at", "id").Scan(ctx)
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

// ChangeMarket locks the market, lets change alter it, and saves it. It fails with market.ErrNotFound, and with
// market.ErrConflict when a slot is not there any more for which there are orders that are not collected yet.
func (s *Store) ChangeMarket(ctx context.Context, id string, change func(*market.Market) error) (market.Market, error) {
	var m market.Market
	err := s.write(ctx, "change market "+id, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if m, err = selectMarket(ctx, tx, id, forNoKeyUpdate); err != nil {
			return err
		}
		before := m.Slots
		if err := change(&m); err != nil {
			return err
		}
		row, slots := toMarketRow(m), convert(m.Slots, toSlotRow)
		_, err = tx.NewUpdate().Model(&row).WherePK().
			Column("name", "description", "place", "region", "country", "sort_name", "updated_at").Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&slots).On("CONFLICT (id) DO UPDATE").
			Set("label = EXCLUDED.label").Set("starts_at = EXCLUDED.starts_at").Set("ends_at = EXCLUDED.ends_at").Exec(ctx)
		if err != nil {
			return err
		}
		for _, slot := range before {
			if slices.ContainsFunc(m.Slots, func(kept market.PickupSlot) bool { return kept.ID == slot.ID }) {
				continue
			}
			if err := removeSlot(ctx, tx, slot.ID, m.UpdatedAt); err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}

// removeSlot lets the slot take no orders any more. The row is written before the orders are counted: who places one has locked
// it, so that no order comes after the count.
func removeSlot(ctx context.Context, tx bun.Tx, id string, at time.Time) error {
	if _, err := tx.NewUpdate().Model((*slotRow)(nil)).Set("removed_at = ?", at.UTC()).Where("id = ?", id).Exec(ctx); err != nil {
		return err
	}
	waiting, err := tx.NewSelect().Model((*orderRow)(nil)).Where("slot_id = ?", id).
		Where("state IN ('pending_payment', 'paid', 'packed')").Count(ctx) // as the index of such orders has them
	if err == nil && waiting > 0 {
		err = &market.ConflictError{Kind: "pick-up slot", ID: id, Reason: fmt.Sprintf(
			"cannot be removed: orders that are not collected yet have it, %d of them", waiting)}
	}
	return err
}
