package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

type dayRow struct {
	bun.BaseModel `bun:"table:market_days,alias:d"`

	ID        string    `bun:"id,pk"`
	MarketID  string    `bun:"market_id"`
	HeldOn    string    `bun:"held_on"`
	OpensAt   time.Time `bun:"opens_at"`
	ClosesAt  time.Time `bun:"closes_at"`
	ClosedAt  time.Time `bun:"closed_at,nullzero"`
	CreatedAt time.Time `bun:"created_at"`
	UpdatedAt time.Time `bun:"updated_at"`
}

func toDayRow(d market.MarketDay) dayRow {
	return dayRow{
		ID: d.ID, MarketID: d.MarketID, HeldOn: d.Date, OpensAt: d.OpensAt.UTC(), ClosesAt: d.ClosesAt.UTC(),
		ClosedAt: d.ClosedAt.UTC(), CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

func (r dayRow) day() market.MarketDay {
	return market.MarketDay{
		ID: r.ID, MarketID: r.MarketID, Date: r.HeldOn, OpensAt: r.OpensAt.UTC(), ClosesAt: r.ClosesAt.UTC(),
		ClosedAt: r.ClosedAt.UTC(), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// byDate is the order of market days.
var byDate = order{column: "held_on", id: "id", value: text}

// place implements entry.
func (r dayRow) place(string) (id, key string) { return r.ID, r.HeldOn }

// MarketDay returns the market day with the id, or fails with market.ErrNotFound.
func (s *Store) MarketDay(ctx context.Context, id string) (market.MarketDay, error) {
	var day market.MarketDay
	err := s.run(ctx, "get market day "+id, func(ctx context.Context) error {
		var err error
		day, err = selectDay(ctx, s.db, id, "")
		return err
	})
	return day, err
}

// selectDay reads a market day, with a lock where one is given and the database has them.
func selectDay(ctx context.Context, db bun.IDB, id, lock string) (market.MarketDay, error) {
	var row dayRow
	err := locked(db.NewSelect().Model(&row).Where("id = ?", id), lock).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return market.MarketDay{}, &market.NotFoundError{Kind: "market day", ID: id}
	}
	return row.day(), err
}

// MarketDays returns a page of market days by date. The query must be a valid one.
func (s *Store) MarketDays(ctx context.Context, query market.MarketDayQuery) (market.Page[market.MarketDay], error) {
	page := market.Page[market.MarketDay]{Paging: query.Paging}
	wanted := list[dayRow]{paging: query.Paging, order: byDate, filter: func(q *bun.SelectQuery) *bun.SelectQuery {
		if query.MarketID != "" {
			q = q.Where("market_id = ?", query.MarketID)
		}
		if query.From != "" {
			q = q.Where("held_on >= ?", query.From)
		}
		if query.State == market.DayOpen {
			q = q.Where("opens_at <= ?", query.Now).Where("closes_at > ?", query.Now).Where("closed_at IS NULL")
		}
		return q
	}}
	err := s.run(ctx, "list market days", func(ctx context.Context) error {
		var rows []dayRow
		var err error
		page.Extent, err = wanted.scan(ctx, s.db, &rows)
		page.Items = convert(rows, dayRow.day)
		return err
	})
	return page, err
}

// AddMarketDay keeps a new market day. It fails with market.ErrConflict when the market has a day on that date.
func (s *Store) AddMarketDay(ctx context.Context, day market.MarketDay) error {
	err := s.write(ctx, "add a market day on "+day.Date, func(ctx context.Context, tx bun.Tx) error {
		row := toDayRow(day)
		return insert(ctx, tx.NewInsert().Model(&row))
	})
	if errors.Is(err, market.ErrDuplicate) {
		return &market.ConflictError{Kind: "market", ID: day.MarketID, Reason: "has a market day on " + day.Date + " already"}
	}
	return err
}

// ChangeMarketDay locks the day, lets change alter it, and saves it. Orders that wait to be paid are held until what change
// returns, at most.
func (s *Store) ChangeMarketDay(
	ctx context.Context, id string, change func(*market.MarketDay) (holdUntil time.Time, err error),
) (market.MarketDay, error) {
	var day market.MarketDay
	err := s.write(ctx, "change market day "+id, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if day, err = selectDay(ctx, tx, id, forUpdate); err != nil {
			return err
		}
		holdUntil, err := change(&day)
		if err != nil {
			return err
		}
		row := toDayRow(day)
		if _, err := tx.NewUpdate().Model(&row).WherePK().Column("opens_at", "closes_at", "updated_at").Exec(ctx); err != nil {
			return err
		}
		// Orders are placed with the day locked, so none comes later that is held for longer.
		_, err = tx.NewUpdate().Model((*orderRow)(nil)).
			Set("first_hold_expires_at = COALESCE(first_hold_expires_at, hold_expires_at)").Set("hold_expires_at = ?", holdUntil.UTC()).
			Where("market_day_id = ?", id).Where("state = ?", market.OrderPendingPayment).
			Where("hold_expires_at > ?", holdUntil.UTC()).Exec(ctx)
		return err
	})
	return day, err
}

// DeleteMarketDay deletes the day and its offerings, unless allow fails. It fails with market.ErrConflict when there are
// orders for it.
func (s *Store) DeleteMarketDay(ctx context.Context, id string, allow func(market.MarketDay) error) error {
	return s.write(ctx, "delete market day "+id, func(ctx context.Context, tx bun.Tx) error {
		// The lock keeps orders out, so that there are none that come after the count.
		day, err := selectDay(ctx, tx, id, forUpdate)
		if err != nil {
			return err
		}
		if err := allow(day); err != nil {
			return err
		}
		ordered, err := tx.NewSelect().Model((*orderRow)(nil)).Where("market_day_id = ?", id).Exists(ctx)
		if err != nil {
			return err
		}
		if ordered {
			return &market.ConflictError{Kind: "market day", ID: id, Reason: "has orders: it cannot be deleted"}
		}
		if err := deleteOfferings(ctx, tx, id); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*dayRow)(nil)).Where("id = ?", id).Exec(ctx)
		return err
	})
}
