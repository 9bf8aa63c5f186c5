package store_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// openStocked opens a SQLite file with farms and products in it.
func openStocked(t *testing.T, opts store.Options) (s *store.Store, path string) {
	t.Helper()
	url := storetest.SQLite(t)
	s = storetest.Open(t, url, opts)
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	stock(t, s)
	return s, strings.TrimPrefix(url, "sqlite://")
}

func requireReads(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.Product(t.Context(), id(1))
	require.NoError(t, err)
	require.NoError(t, s.Ping(t.Context()))
}

func requireUnavailable(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.Product(t.Context(), id(1))
	require.ErrorIs(t, err, market.ErrUnavailable)
	require.ErrorContains(t, err, "get product "+id(1))
	require.ErrorIs(t, s.Ping(t.Context()), market.ErrUnavailable)
}

func TestADatabaseFileThatVanishesIsMissedAndFoundAgain(t *testing.T) {
	s, path := openStocked(t, store.Options{})
	aside := filepath.Join(t.TempDir(), "market.db")
	_, err := s.DB().ExecContext(t.Context(), "VACUUM INTO '"+aside+"'")
	require.NoError(t, err)

	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(path+suffix))
	}
	requireUnavailable(t, s)
	_, err = s.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
	require.ErrorIs(t, err, market.ErrUnavailable)
	require.NoFileExists(t, path, "an empty database in its place would look like a market without farms")

	require.NoError(t, os.Rename(aside, path))
	requireReads(t, s)
}

func TestADamagedDatabaseFileIsUnavailableUntilItIsReplaced(t *testing.T) {
	s, path := openStocked(t, store.Options{})
	aside := filepath.Join(t.TempDir(), "market.db")
	_, err := s.DB().ExecContext(t.Context(), "VACUUM INTO '"+aside+"'")
	require.NoError(t, err)

	replace(t, path, strings.NewReader(strings.Repeat("not a database. ", 1000)))
	requireUnavailable(t, s)

	good, err := os.Open(aside)
	require.NoError(t, err)
	defer good.Close()
	replace(t, path, good)
	requireReads(t, s)
}

// replace puts a new file in the place of the database, as a restore does.
func replace(t *testing.T, path string, content io.Reader) {
	t.Helper()
	file, err := os.Create(path + ".new")
	require.NoError(t, err)
	_, err = io.Copy(file, content)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	for _, suffix := range []string{"-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(path+suffix))
	}
	require.NoError(t, os.Rename(path+".new", path))
}

func TestAFullDiskStopsWritesButNotReads(t *testing.T) {
	s, _ := openStocked(t, store.Options{MaxConns: 1})
	// SQLite reports its own bound on pages as it reports a full disk: SQLITE_FULL.
	bound := func(pages string) {
		_, err := s.DB().ExecContext(t.Context(), "PRAGMA max_page_count = "+pages)
		require.NoError(t, err)
	}
	var many []market.Product
	for n := range 500 {
		many = append(many, product(100+n, farm(1, "Ölmühle", ""), "Rapeseed oil", market.Preserves, 690))
	}

	bound("1") // SQLite takes the present size for what is smaller
	_, err := s.SaveCatalogue(t.Context(), nil, many)
	require.ErrorIs(t, err, market.ErrUnavailable)
	require.ErrorContains(t, err, "database or disk is full")
	requireReads(t, s)
	_, err = s.Product(t.Context(), many[0].ID)
	require.ErrorIs(t, err, market.ErrNotFound)

	bound("100000")
	saved, err := s.SaveCatalogue(t.Context(), nil, many)
	require.NoError(t, err)
	require.Equal(t, store.Saved{Products: 500}, saved)
}

func TestAReadOnlyDatabaseStopsWritesButNotReads(t *testing.T) {
	s, _ := openStocked(t, store.Options{MaxConns: 1})
	_, err := s.DB().ExecContext(t.Context(), "PRAGMA query_only = 1")
	require.NoError(t, err)
	_, err = s.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
	require.ErrorIs(t, err, market.ErrUnavailable)
	require.ErrorContains(t, err, "readonly")
	requireReads(t, s)
}

func TestAWriterThatHoldsTheDatabaseTooLongIsATimeout(t *testing.T) {
	s, path := openStocked(t, store.Options{})
	impatient := storetest.Open(t, "sqlite://"+path, store.Options{StatementTimeout: 50 * time.Millisecond})
	tx, err := s.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)

	_, err = impatient.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
	require.ErrorIs(t, err, market.ErrTimeout)
	requireReads(t, s)

	require.NoError(t, tx.Rollback())
	_, err = s.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
	require.NoError(t, err)
}

func TestManyWritersTakeTurns(t *testing.T) {
	s, path := openStocked(t, store.Options{})
	other := storetest.Open(t, "sqlite://"+path, store.Options{})
	var group errgroup.Group
	for n := range 40 {
		writer := s
		if n%2 == 1 {
			writer = other
		}
		group.Go(func() error {
			_, err := writer.SaveCatalogue(t.Context(), []market.Farm{farm(10+n, "New Farm", "")}, nil)
			return err
		})
	}
	require.NoError(t, group.Wait())
	page, err := s.Farms(t.Context(), market.FarmQuery{Paging: market.Paging{Page: 1, Limit: 100}, Sort: market.SortName})
	require.NoError(t, err)
	require.Equal(t, 42, page.Total)
}

func TestReadersDoNotWaitForWritersThatWait(t *testing.T) {
	s, path := openStocked(t, store.Options{MaxConns: 2})
	other := storetest.Open(t, "sqlite://"+path, store.Options{})
	tx, err := other.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var group errgroup.Group
	for n := range 10 {
		group.Go(func() error {
			_, err := s.SaveCatalogue(t.Context(), []market.Farm{farm(10+n, "New Farm", "")}, nil)
			return err
		})
	}
	require.Eventually(t, func() bool { return s.DB().Stats().InUse > 0 }, 10*time.Second, time.Millisecond)
	for range 100 {
		requireReads(t, s)
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, group.Wait())
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	s, _ := openStocked(t, store.Options{})
	require.NoError(t, s.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM products")
		require.NoError(t, err)
		requireReads(t, s)
		return nil
	}))
}

func TestADatabaseInMemoryEndsWithItsStore(t *testing.T) {
	s := storetest.Open(t, "sqlite://:memory:", store.Options{MaxConns: 8})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	stock(t, s)
	var group errgroup.Group
	for range 20 {
		group.Go(func() error { return s.Ping(t.Context()) })
	}
	require.NoError(t, group.Wait())
	requireReads(t, s)
	require.NoFileExists(t, ":memory:")
}

func TestASQLiteFileIsCreatedWithItsFolderForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder #1", "50% off.db")
	s := storetest.Open(t, "sqlite://"+path, store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Positive(t, info.Size()+fileSize(t, path+"-wal"))
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestAURLThatCannotBeRightIsRefused(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("some text\n", 1000)), 0o600))
	for name, test := range map[string]struct{ url, want string }{
		"nothing":                    {"", "the URL must be like sqlite://"},
		"another database":           {"mysql://root:hunter2@localhost/market", "the URL must be like sqlite://"},
		"no path":                    {"sqlite://", "the URL must be like sqlite://"},
		"parameters of SQLite":       {"sqlite://market.db?mode=ro", "takes no parameters"},
		"a folder":                   {"sqlite://" + folder, "is a directory"},
		"a file below a file":        {"sqlite://" + text + "/market.db", "not a directory"},
		"a file of another kind":     {"sqlite://" + text, "file is not a database"},
		"a password with a slash":    {"postgres://market:hunter2/3@localhost/market", "percent-encoded"},
		"a password with a hash":     {"postgres://market:hunter2#3@localhost/market", "percent-encoded"},
		"an impossible port":         {"postgres://market:hunter2@localhost:port/market", "percent-encoded"},
		"an unknown sslmode":         {"postgres://market:hunter2@localhost/market?sslmode=maybe", "sslmode"},
		"a password as a parameter":  {"postgres://localhost/market?password=hunter2&sslmode=maybe", "sslmode"},
		"a password that is encoded": {"postgres://market:hunter2%20@localhost/market?sslmode=maybe", "sslmode"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), test.url, store.Options{})
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
