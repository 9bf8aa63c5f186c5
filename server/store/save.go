package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// saveBatch is how many rows go into one statement.
const saveBatch = 200

// Saved counts the rows that a save wrote; rows that already were as given are not among them.
type Saved struct {
	Farms    int
	Products int
}

func (s Saved) String() string {
	return fmt.Sprintf("wrote %d farms and %d products", s.Farms, s.Products)
}

// SaveCatalogue makes the farms and products what is given, by id, all or none. Those not given stay as they are, and
// so do the creation times of those that exist.
func (s *Store) SaveCatalogue(ctx context.Context, farms []market.Farm, products []market.Product) (Saved, error) {
	var saved Saved
	err := s.write(ctx, "save the catalogue", func(ctx context.Context, tx bun.Tx) error {
		farmRows, rows := convert(farms, toFarmRow), convert(products, toProductRow)
		renamedFarms, err := renamed(ctx, tx, farmRows, func(f farmRow) (id, name string) { return f.ID, f.Name })
		if err != nil {
			return fmt.Errorf("farms: %w", err)
		}
		renamedProducts, err := renamed(ctx, tx, rows, func(p productRow) (id, name string) { return p.ID, p.Name })
		if err != nil {
			return fmt.Errorf("products: %w", err)
		}
		saved.Farms, err = upsert(ctx, tx, "f", farmRows,
			"name", "description", "place", "region", "country", "owner_id", "sort_name", "search_text")
		if err != nil {
			return fmt.Errorf("farms: %w", err)
		}
		if err := nameFarms(ctx, tx, rows); err != nil {
			return fmt.Errorf("products: %w", err)
		}
		saved.Products, err = upsert(ctx, tx, "p", rows,
			"farm_id", "name", "description", "category", "unit_kind", "unit_size", "unit_label",
			"price_amount", "price_currency", "season", "sort_name", "search_text")
		if err != nil {
			return fmt.Errorf("products: %w", err)
		}
		if err := renameOfferings(ctx, tx, renamedProducts); err != nil {
			return fmt.Errorf("offerings: %w", err)
		}
		return rewriteTexts(ctx, tx, renamedFarms)
	})
	if err != nil {
		return Saved{}, err
	}
	return saved, nil
}

// upsert inserts the rows, and updates those that exist and differ in one of the columns. It returns how many it wrote.
// Rows are written in the order given: give those of concurrent calls in one order.
func upsert[Row any](ctx context.Context, tx bun.Tx, alias string, rows []Row, columns ...string) (int, error) {
	existing, given := comparison(alias, columns), comparison("EXCLUDED", columns)
	written := 0
	for batch := range slices.Chunk(rows, saveBatch) {
		query := tx.NewInsert().Model(&batch).On("CONFLICT (id) DO UPDATE").
			Where(fmt.Sprintf("(%s) <> (%s)", existing, given)).
			Set("updated_at = EXCLUDED.updated_at").Set("version = " + alias + ".version + 1")
		for _, column := range columns {
			query = query.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
			if column == "owner_id" { // a farm from before there were owners is not verified either; others may have been suspended
				query = query.Set("verified_at = CASE WHEN " + alias + ".owner_id IS NULL THEN " +
					"COALESCE(" + alias + ".verified_at, EXCLUDED.verified_at) ELSE " + alias + ".verified_at END")
			}
		}
		result, err := query.Exec(ctx)
		if err != nil {
			return 0, err
		}
		affected, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		written += int(affected)
	}
	return written, nil
}

// renamed returns the ids of the rows that are there under another name, given the new ones.
func renamed[Row any](ctx context.Context, tx bun.Tx, rows []Row, idAndName func(Row) (id, name string)) ([]string, error) {
	var ids []string
	for some := range slices.Chunk(rows, saveBatch) {
		given := map[string]string{}
		for _, row := range some {
			id, name := idAndName(row)
			given[id] = name
		}
		var there []struct{ ID, Name string }
		err := tx.NewSelect().Model((*Row)(nil)).Column("id", "name").Where("id IN (?)", bun.List(slices.Collect(maps.Keys(given)))).
			Scan(ctx, &there)
		if err != nil {
			return nil, err
		}
		for _, row := range there {
			if row.Name != given[row.ID] {
				ids = append(ids, row.ID)
			}
		}
	}
	return ids, nil
}

// comparison lists the columns for a comparison, in which a missing owner is one like any other. The text that a row is
// found by is made from the others, and from another row.
func comparison(table string, columns []string) string {
	var terms []string
	for _, column := range columns {
		switch term := table + "." + column; column {
		case "search_text":
		case "owner_id":
			terms = append(terms, "COALESCE("+term+", '')")
		default:
			terms = append(terms, term)
		}
	}
	return strings.Join(terms, ", ")
}
