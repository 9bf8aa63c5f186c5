package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// Planned are markets, days and offerings that are to be there.
type Planned struct {
	Markets   []market.Market
	Days      []market.MarketDay
	Offerings []market.Offering
}

// SavePlan adds what is not there yet, all or none, and returns how many days it added. What is there stays as it is. A
// day on a date for which the market has another one is left out, and so are its offerings, those of products that were
// deleted, and those of farms that are not verified.
func (s *Store) SavePlan(ctx context.Context, planned Planned) (days int, err error) {
	var slots []slotRow
	for _, m := range planned.Markets {
		slots = append(slots, convert(m.Slots, toSlotRow)...)
	}
	err = s.write(ctx, "save the plan", func(ctx context.Context, tx bun.Tx) error {
		if _, err := addMissing(ctx, tx, convert(planned.Markets, toMarketRow)); err != nil {
			return fmt.Errorf("markets: %w", err)
		}
		if _, err := addMissing(ctx, tx, slots); err != nil {
			return fmt.Errorf("pick-up slots: %w", err)
		}
		if days, err = addMissing(ctx, tx, convert(planned.Days, toDayRow)); err != nil {
			return fmt.Errorf("market days: %w", err)
		}
		there, err := existing(ctx, tx, planned.Days)
		if err != nil {
			return fmt.Errorf("market days: %w", err)
		}
		verified, err := sellers(ctx, tx, convert(planned.Offerings, func(o market.Offering) string { return o.FarmID }))
		if err != nil {
			return fmt.Errorf("farms: %w", err)
		}
		offerings, err := ofProducts(ctx, tx, slices.DeleteFunc(convert(planned.Offerings, toOfferingRow),
			func(o offeringRow) bool { return !there[o.MarketDayID] || !verified[o.FarmID] }))
		if err != nil {
			return fmt.Errorf("products: %w", err)
		}
		if _, err := addMissing(ctx, tx, offerings); err != nil {
			return fmt.Errorf("offerings: %w", err)
		}
		return nil
	})
	return days, err
}

// existing returns which of the days are there: somebody may have planned another one for the same market and date.
func existing(ctx context.Context, tx bun.Tx, days []market.MarketDay) (map[string]bool, error) {
	var ids []string
	wanted := convert(days, func(d market.MarketDay) string { return d.ID })
	err := tx.NewSelect().Model((*dayRow)(nil)).Column("id").Where("id IN (?)", bun.List(wanted)).Scan(ctx, &ids)
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
	}
	return there, err
}

// addMissing inserts the rows that are not there yet, by any of their keys, and returns how many.
func addMissing[Row any](ctx context.Context, tx bun.Tx, rows []Row) (int, error) {
	added := 0
	for batch := range slices.Chunk(rows, saveBatch) {
		result, err := tx.NewInsert().Model(&batch).On("CONFLICT DO NOTHING").Exec(ctx)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		added += int(n)
	}
	return added, nil
}
