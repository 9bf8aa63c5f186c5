package store

import (
	"context"
	"fmt"
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
		renamed, err := renamedFarms(ctx, tx, farms)
		if err != nil {
			return fmt.Errorf("farms: %w", err)
		}
		saved.Farms, err = upsert(ctx, tx, "f", convert(farms, toFarmRow),
			"name", "description", "place", "region", "country", "owner_id", "sort_name", "search_text")
		if err != nil {
			return fmt.Errorf("farms: %w", err)
		}
		rows := convert(products, toProductRow)
		if err := nameFarms(ctx, tx, rows); err != nil {
			return fmt.Errorf("products: %w", err)
		}
		saved.Products, err = upsert(ctx, tx, "p", rows,
			"farm_id", "name", "description", "category", "unit_kind", "unit_size", "unit_label",
			"price_amount", "price_currency", "season", "sort_name", "search_text")
		if err != nil {
			return fmt.Errorf("products: %w", err)
		}
		return rewriteTexts(ctx, tx, renamed)
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
			if column == "owner_id" { // a farm from before there were owners is not verified either
				query = query.Set("verified_at = COALESCE(" + alias + ".verified_at, EXCLUDED.verified_at)")
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

// renamedFarms returns the ids of those that are there under another name.
func renamedFarms(ctx context.Context, tx bun.Tx, farms []market.Farm) ([]string, error) {
	var renamed []string
	for some := range slices.Chunk(farms, saveBatch) {
		var there []farmRow
		ids := convert(some, func(f market.Farm) string { return f.ID })
		if err := tx.NewSelect().Model(&there).Column("id", "name").Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
			return nil, err
		}
		names := map[string]string{}
		for i := range there {
			names[there[i].ID] = there[i].Name
		}
		for i := range some {
			if name, known := names[some[i].ID]; known && name != some[i].Name {
				renamed = append(renamed, some[i].ID)
			}
		}
	}
	return renamed, nil
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
