// Package storetest gives tests real databases: an empty one of each kind, with the schema in it, for each test.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/store"
)

// defaultPostgresURL is where PostgreSQL is looked for unless TEST_POSTGRES_URL says otherwise.
const defaultPostgresURL = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"

// Each runs the test once per kind of database, on an empty migrated one that is dropped afterwards.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		s := Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		test(t, s)
	})
}

// EachURL runs the test once per kind of database with the URL of one without a schema, which is dropped afterwards.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgresql", func(t *testing.T) { test(t, PostgreSQL(t)) })
}

// Open opens the database and closes it when the test ends.
func Open(tb testing.TB, url string, opts store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url, opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// SQLite returns the URL of a file in a folder of the test's own.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite://" + filepath.Join(tb.TempDir(), "market.db")
}

// PostgreSQL returns the URL of a schema of the test's own. A server that is not there fails the test.
func PostgreSQL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		server = defaultPostgresURL
	}
	db, err := sql.Open("pgx", server)
	require.NoError(tb, err)
	schema := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err = db.ExecContext(tb.Context(), "CREATE SCHEMA "+schema)
	require.NoError(tb, err, "these tests need PostgreSQL: start one, or set TEST_POSTGRES_URL")
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
		defer cancel()
		_, err := db.ExecContext(ctx, fmt.Sprintf("DROP SCHEMA %s CASCADE", schema))
		require.NoError(tb, err)
		require.NoError(tb, db.Close())
	})
	parsed, err := neturl.Parse(server)
	require.NoError(tb, err)
	query := parsed.Query()
	query.Set("search_path", schema)
	parsed.RawQuery = query.Encode()
	return parsed.String()
}
