package store

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// nameFarms completes the texts that the products are found by with their farms' names as they are. The farms keep their
// names until the transaction ends. A farm that is not there is left to the foreign key.
func nameFarms(ctx context.Context, tx bun.Tx, products []productRow) error {
	var farms []farmRow
	ids := convert(products, func(p productRow) string { return p.FarmID })
	slices.Sort(ids) // locked in one order
	ids = slices.Compact(ids)
	for some := range slices.Chunk(ids, saveBatch) {
		var found []farmRow
		err := locked(tx.NewSelect().Model(&found).Column("id", "name").Where("id IN (?)", bun.List(some)).Order("id"), forShare).Scan(ctx)
		if err != nil {
			return err
		}
		farms = append(farms, found...)
	}
	names := map[string]string{}
	for i := range farms {
		names[farms[i].ID] = farms[i].Name
	}
	for i := range products {
		p := &products[i]
		p.SearchText = searchable(p.Name, p.Description, names[p.FarmID])
	}
	return nil
}

// rewriteTexts makes the products of the farms be found by the names that these have now.
func rewriteTexts(ctx context.Context, tx bun.Tx, farmIDs []string) error {
	if len(farmIDs) == 0 {
		return nil
	}
	var products []productRow
	err := tx.NewSelect().Model(&products).Column("id", "farm_id", "name", "description").
		Where("farm_id IN (?)", bun.List(farmIDs)).Where("deleted_at IS NULL").Order("id").Scan(ctx)
	if err != nil {
		return err
	}
	if err := nameFarms(ctx, tx, products); err != nil {
		return err
	}
	for some := range slices.Chunk(products, saveBatch) {
		values := make([]string, len(some))
		args := make([]any, 0, 2*len(some)) //nolint:mnd // two values a row
		for i := range some {
			values[i] = "(?, ?)"
			args = append(args, some[i].ID, some[i].SearchText)
		}
		// Both databases name the columns of VALUES column1 and column2.
		_, err := tx.NewUpdate().Model((*productRow)(nil)).Set("search_text = v.column2").
			TableExpr("(VALUES "+strings.Join(values, ", ")+") AS v", args...).Where("p.id = v.column1").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}
