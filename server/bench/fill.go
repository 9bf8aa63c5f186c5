package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// fillLimit bounds one statement while a catalogue is loaded: building an index of a million texts takes minutes.
const fillLimit = time.Hour

// fill fills an empty database with a catalogue of so many products. Indexes are built when all is there, which is many
// times faster than keeping them while it comes.
func fill(ctx context.Context, url string, products int) (err error) {
	s, err := store.Open(ctx, url, store.Options{MaxConns: 1, StatementTimeout: fillLimit})
	if err != nil {
		return err
	}
	defer func() {
		if closed := s.Close(); err == nil {
			err = closed
		}
	}()
	db := s.DB()
	if _, err := migrations.Migrate(ctx, db); err != nil {
		return err
	}
	if err := execute(ctx, db, hurried[s.System()]...); err != nil {
		return err
	}
	rebuild, err := dropIndexes(ctx, db, s.System())
	if err != nil {
		return err
	}
	if err := save(ctx, s, generate(products)); err != nil {
		return err
	}
	say("%s: index %d products", s.System(), products)
	return execute(ctx, db, append(rebuild, settled[s.System()]...)...)
}

// hurried are the settings of the connection that loads: what is lost in a crash is loaded again.
var hurried = map[string][]string{
	"sqlite":     {"PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000", "PRAGMA temp_store = MEMORY"},
	"postgresql": {"SET maintenance_work_mem = '512MB'", "SET synchronous_commit = off"},
}

// settled is what is done at the end, so that what is measured is not the database tidying up. SQLite is given its index
// of texts, whose triggers were off.
var settled = map[string][]string{
	"sqlite": {
		"INSERT INTO product_numbers (product_id) SELECT id FROM products",
		`INSERT INTO product_texts (rowid, search_text)
		 SELECT n.number, p.search_text FROM product_numbers AS n JOIN products AS p ON p.id = n.product_id`,
		"INSERT INTO product_texts (product_texts) VALUES ('optimize')",
		"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)",
	},
	"postgresql": {"VACUUM ANALYZE products", "VACUUM ANALYZE farms", "CHECKPOINT"},
}

// dropIndexes drops the indexes and triggers of the products that are not constraints, and returns what makes them again.
func dropIndexes(ctx context.Context, db *bun.DB, system string) ([]string, error) {
	query := map[string]string{
		"sqlite": "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'products' AND type IN ('index', 'trigger') AND sql IS NOT NULL",
		"postgresql": "SELECT 'index' AS type, indexname AS name, indexdef AS sql FROM pg_indexes " +
			"WHERE tablename = 'products' AND schemaname = current_schema() AND indexname <> 'products_pkey'",
	}[system]
	var made []struct{ Type, Name, SQL string }
	if err := db.NewRaw(query).Scan(ctx, &made); err != nil {
		return nil, fmt.Errorf("list the indexes of products: %w", err)
	}
	var again []string
	for _, one := range made {
		if err := execute(ctx, db, "DROP "+strings.ToUpper(one.Type)+" "+one.Name); err != nil {
			return nil, err
		}
		again = append(again, one.SQL)
	}
	return again, nil
}

func execute(ctx context.Context, db *bun.DB, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.DB.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.80s: %w", statement, err)
		}
	}
	return nil
}

// save writes the catalogue, in transactions of many products each.
func save(ctx context.Context, s *store.Store, g *generated) error {
	const batch, report = 10_000, 100_000
	farms := make([]market.Farm, g.farms())
	for n := range farms {
		farms[n] = g.farm(n)
	}
	if _, err := s.SaveCatalogue(ctx, farms, nil); err != nil {
		return err
	}
	for n := 0; n < g.products; {
		products := make([]market.Product, 0, batch)
		for ; n < g.products && len(products) < batch; n++ {
			products = append(products, g.product(n))
		}
		if _, err := s.SaveCatalogue(ctx, nil, products); err != nil {
			return err
		}
		if n%report == 0 {
			say("%s: %d of %d products", s.System(), n, g.products)
		}
	}
	return nil
}
