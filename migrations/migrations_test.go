package migrations_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestTheFirstMigrationCreatesTheSchemaAndTheSecondHasNothingToDo(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url, store.Options{}).DB()

		before, err := migrations.Status(t.Context(), db)
		require.NoError(t, err)
		require.NotEmpty(t, before)
		require.Zero(t, before[0].AppliedAt)

		applied, err := migrations.Migrate(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, before[0].File, applied[0])
		require.Len(t, applied, len(before))

		again, err := migrations.Migrate(t.Context(), db)
		require.NoError(t, err)
		require.Empty(t, again)

		after, err := migrations.Status(t.Context(), db)
		require.NoError(t, err)
		for _, state := range after {
			require.NotZero(t, state.AppliedAt, state.File)
		}
	})
}

func TestProcessesThatMigrateAtOnceApplyEachFileOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		const processes = 4
		applied := make([][]string, processes)
		var group errgroup.Group
		for i := range processes {
			db := storetest.Open(t, url, store.Options{}).DB()
			group.Go(func() (err error) {
				applied[i], err = migrations.Migrate(t.Context(), db)
				return err
			})
		}
		require.NoError(t, group.Wait())
		var workers int
		for _, files := range applied {
			if len(files) > 0 {
				workers++
			}
		}
		require.Equal(t, 1, workers)
	})
}

func TestAFailedMigrationLeavesNothingBehindAndSaysWhereItFailed(t *testing.T) {
	good := &fstest.MapFile{Data: []byte("CREATE TABLE first (id TEXT)")}
	second := "-- Why it is here.\nCREATE TABLE second (id TEXT)\n--bun:split\n"
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url, store.Options{}).DB()

		_, err := migrations.MigrateFiles(t.Context(), db, fstest.MapFS{
			"0001_first.up.sql":  good,
			"0002_second.up.sql": {Data: []byte(second + "INSERT INTO third VALUES (1)")},
		})
		require.ErrorContains(t, err, `0002_second.up.sql: statement 2, "INSERT INTO third VALUES (1)"`)
		require.False(t, has(t, db, "first"))
		require.False(t, has(t, db, "second"))

		applied, err := migrations.MigrateFiles(t.Context(), db, fstest.MapFS{
			"0001_first.up.sql":  good,
			"0002_second.up.sql": {Data: []byte(second + "INSERT INTO second VALUES ('1')")},
		})
		require.NoError(t, err)
		require.Equal(t, []string{"0001_first.up.sql", "0002_second.up.sql"}, applied)
		require.True(t, has(t, db, "second"))
	})
}

func TestFilesCanTellTheDatabasesApart(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.MigrateFiles(t.Context(), s.DB(), fstest.MapFS{"0001_first.up.sql": {Data: []byte(`
			{{if .PostgreSQL}}CREATE TABLE of_postgresql (name TEXT COLLATE {{.ByteOrder}}){{end}}
--bun:split
			{{if not .PostgreSQL}}CREATE TABLE of_sqlite (name TEXT COLLATE {{.ByteOrder}}){{end}}`)}})
		require.NoError(t, err)
		require.Equal(t, s.System() == "postgresql", has(t, s.DB(), "of_postgresql"))
		require.Equal(t, s.System() == "sqlite", has(t, s.DB(), "of_sqlite"))
	})
}

func TestUnusableFilesAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ file, content, want string }{
		"a name without a number": {"first.up.sql", "SELECT 1", "first.up.sql"},
		"an unknown word":         {"0001_first.up.sql", "SELECT {{.Nonsense}}", "Nonsense"},
		"a broken template":       {"0001_first.up.sql", "SELECT {{", "0001_first.up.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t, storetest.SQLite(t), store.Options{}).DB()
			_, err := migrations.MigrateFiles(t.Context(), db, fstest.MapFS{test.file: {Data: []byte(test.content)}})
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestOfferingsOfProductsThatWereDeletedBeforeAreOffSale(t *testing.T) {
	const moment = "'2026-11-20 12:00:00+00:00'"
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url, store.Options{}).DB()
		_, err := migrations.MigrateFiles(t.Context(), db, before(t, "0012"))
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), strings.NewReplacer("now", moment, "{", "'00000000-0000-7000-8000-00000000000", "}", "'").Replace(`
			INSERT INTO farms (id, name, description, place, region, country, sort_name, search_text, created_at, updated_at)
				VALUES ({1}, 'A', '', 'B', '', 'IE', 'a', 'a', now, now);
			INSERT INTO products (id, farm_id, name, description, category, unit_kind, unit_size, unit_label, price_amount, price_currency,
				season, sort_name, search_text, created_at, updated_at, deleted_at)
				SELECT column1, {1}, column2, '', 'fruit', 'item', 1, '1', 100, 'EUR', 1, column2, column2, now, now, CAST(column3 AS TIMESTAMPTZ)
				FROM (VALUES ({1}, 'sold', NULL), ({2}, 'deleted', now)) AS v;
			INSERT INTO markets (id, name, description, place, region, country, time_zone, currency, sort_name, created_at, updated_at)
				VALUES ({1}, 'C', '', 'B', '', 'IE', 'Europe/Dublin', 'EUR', 'c', now, now);
			INSERT INTO market_days (id, market_id, held_on, opens_at, closes_at, closed_at, created_at, updated_at)
				VALUES ({1}, {1}, '2026-11-28', now, '2026-11-27 12:00:00+00:00', NULL, now, now),
					({2}, {1}, '2026-11-14', '2026-11-01 12:00:00+00:00', '2026-11-13 12:00:00+00:00', now, now, now);
			INSERT INTO offerings (id, market_day_id, product_id, farm_id, price_amount, price_currency, quantity, available, created_at, updated_at)
				VALUES ({1}, {1}, {1}, {1}, 100, 'EUR', 5, 5, now, now), ({2}, {1}, {2}, {1}, 100, 'EUR', 5, 5, now, now),
					({3}, {2}, {2}, {1}, 100, 'EUR', 5, 5, now, now)`))
		require.NoError(t, err)

		_, err = migrations.Migrate(t.Context(), db)
		require.NoError(t, err)
		var withdrawn, names []string
		require.NoError(t, db.NewRaw("SELECT id FROM offerings WHERE withdrawn_at IS NOT NULL").Scan(t.Context(), &withdrawn))
		require.Equal(t, []string{"00000000-0000-7000-8000-000000000002"}, withdrawn)
		require.NoError(t, db.NewRaw("SELECT sort_name FROM offerings ORDER BY id").Scan(t.Context(), &names))
		require.Equal(t, []string{"sold", "deleted", "deleted"}, names)
	})
}

// TestTextsFromBeforeAreFoundAsNewOnesAre compares what the migration makes of texts with what the service writes.
func TestTextsFromBeforeAreFoundAsNewOnesAre(t *testing.T) {
	farm := market.Farm{
		ID: "00000000-0000-7000-8000-000000000001", Name: "Bio-Hof Österle", Description: "Eggs (XL),  free-range\nand 有機 — 100% pure",
		Place: "Ŝ-Ŭ", Country: "IE", CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
	product := market.Product{
		ID: "00000000-0000-7000-8000-000000000002", FarmID: farm.ID, Name: "有機りんごJAM2つ", Category: market.Fruit,
		Description: "a-b/c d'e 🍎. ข้าวหอม Ünï-Öl 한라봉 “x”\n-50% ½ l", Season: market.AllYear,
		Unit:  market.Unit{Kind: market.Item, Size: 1, Label: "1"},
		Price: market.Money{Amount: 100, Currency: market.EUR}, CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
	fold := strings.NewReplacer("Bio-Hof Österle", "bio-hof osterle", "Eggs (XL)", "eggs (xl)", "Ŝ-Ŭ", "s-u",
		"りんごJAM2", "りんこjam2", "ข้าว", "ขาว", "Ünï-Öl", "uni-ol", "½", "1⁄2").Replace
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		_, err = s.SaveCatalogue(t.Context(), []market.Farm{farm}, []market.Product{product})
		require.NoError(t, err)
		wanted := texts(t, s.DB())

		_, err = s.DB().ExecContext(t.Context(), "UPDATE farms SET search_text = ?", fold(farm.Name+"\n"+farm.Place+"\n"+farm.Description))
		require.NoError(t, err)
		_, err = s.DB().ExecContext(t.Context(), "UPDATE products SET search_text = ?",
			fold(product.Name+"\n"+product.Description+"\n"+farm.Name))
		require.NoError(t, err)
		require.NotEqual(t, wanted, texts(t, s.DB()))
		statements, err := migrations.Read(migrations.Files, "0012_offerings_and_texts.up.sql", s.DB().Dialect().Name())
		require.NoError(t, err)
		for _, statement := range statements {
			if strings.HasPrefix(statement, "UPDATE products") || strings.HasPrefix(statement, "UPDATE farms") {
				_, err := s.DB().DB.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
		}
		require.Equal(t, wanted, texts(t, s.DB()))
	})
}

func texts(t *testing.T, db *bun.DB) (texts []string) {
	t.Helper()
	require.NoError(t, db.NewRaw("SELECT search_text FROM products UNION ALL SELECT search_text FROM farms").Scan(t.Context(), &texts))
	return texts
}

// before returns the migrations whose numbers come before.
func before(t *testing.T, number string) fstest.MapFS {
	t.Helper()
	entries, err := fs.ReadDir(migrations.Files, ".")
	require.NoError(t, err)
	earlier := fstest.MapFS{}
	for _, entry := range entries {
		if entry.Name() < number {
			content, err := fs.ReadFile(migrations.Files, entry.Name())
			require.NoError(t, err)
			earlier[entry.Name()] = &fstest.MapFile{Data: content}
		}
	}
	return earlier
}

// has reports whether the table can be read.
func has(t *testing.T, db *bun.DB, table string) bool {
	t.Helper()
	err := db.RunInTx(context.WithoutCancel(t.Context()), nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1 FROM "+table)
		return err
	})
	return err == nil
}

func TestPaymentsFromBeforeRefundsCouldFailAreKeptAndCanBeTriedAgain(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url, store.Options{}).DB()
		_, err := migrations.MigrateFiles(t.Context(), db, before(t, "0015"))
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), strings.NewReplacer("now", "'2026-11-20 12:00:00+00:00'", "{", "'00000000-0000-7000-8000-00000000000", "}", "'").Replace(`
			INSERT INTO markets (id, name, description, place, region, country, time_zone, currency, sort_name, created_at, updated_at)
				VALUES ({1}, 'C', '', 'B', '', 'IE', 'Europe/Dublin', 'EUR', 'c', now, now);
			INSERT INTO pickup_slots (id, market_id, label, starts_at, ends_at) VALUES ({1}, {1}, 'A', '09:00', '10:00');
			INSERT INTO market_days (id, market_id, held_on, opens_at, closes_at, created_at, updated_at)
				VALUES ({1}, {1}, '2026-11-28', now, '2026-11-27 12:00:00+00:00', now, now);
			INSERT INTO orders (id, customer_id, market_day_id, slot_id, state, total_amount, total_currency, idempotency_key, request_hash,
				placed_at, hold_expires_at, updated_at)
				VALUES ({1}, {1}, {1}, {1}, 'cancelled', 100, 'EUR', 'k', 'h', now, now, now);
			INSERT INTO payments (id, order_id, customer_id, amount, currency, method, state, provider_ref, client_secret, failure, refund_reason,
				idempotency_key, request_hash, next_attempt_at, attempts, created_at, updated_at, unasked)
				VALUES ({1}, {1}, {1}, 100, 'EUR', 'card', 'refunding', 'pi_1', 's', '', 'late', 'k1', 'h', now, 3, now, now, FALSE),
					({2}, {1}, {1}, 100, 'EUR', 'card', 'failed', NULL, '', 'f', '', 'k2', 'h', NULL, 0, now, now, TRUE)`))
		require.NoError(t, err)
		read := func() (rows []string) {
			require.NoError(t, db.NewRaw(`SELECT id || order_id || customer_id || amount || currency || method || state ||
				COALESCE(provider_ref, '-') || client_secret || failure || refund_reason || idempotency_key || request_hash ||
				attempts || COALESCE(CAST(next_attempt_at AS TEXT), '-') || CAST(unasked AS TEXT) FROM payments ORDER BY id`).Scan(t.Context(), &rows))
			return rows
		}
		before := read()
		require.Len(t, before, 2)

		_, err = migrations.Migrate(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, before, read())
		var tries []int
		require.NoError(t, db.NewRaw("SELECT refund_try FROM payments ORDER BY id").Scan(t.Context(), &tries))
		require.Equal(t, []int{1, 0}, tries)
		_, err = db.ExecContext(t.Context(), "UPDATE payments SET state = 'refund_failed' WHERE state = 'refunding'")
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "UPDATE payments SET state = 'lost'")
		require.Error(t, err)
		_, err = db.ExecContext(t.Context(), "UPDATE payments SET idempotency_key = 'k2'")
		require.Error(t, err, "a key has one payment")
	})
}
