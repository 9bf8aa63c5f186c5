package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/farmersmarket/platform/server/market"
)

// Row locks of PostgreSQL. SQLite needs none: its transactions write one after the other.
const (
	forUpdate      = "UPDATE"        // keeps everybody else from locking the row
	forNoKeyUpdate = "NO KEY UPDATE" // lets others refer to the row by its key
	forShare       = "SHARE"         // keeps the row as it is, and lets others do so too
)

// locked makes the query lock the rows it reads.
func locked(q *bun.SelectQuery, lock string) *bun.SelectQuery {
	if lock == "" || q.Dialect().Name() != dialect.PG {
		return q
	}
	return q.For(lock)
}

// insert runs the query; a row that is there already is a market.ErrDuplicate.
func insert(ctx context.Context, q *bun.InsertQuery) error {
	_, err := q.Exec(ctx)
	if isDuplicate(err) {
		return errors.Join(market.ErrDuplicate, err)
	}
	return err
}

// isDuplicate reports whether a unique index refused the row.
func isDuplicate(err error) bool {
	const uniqueViolation = "23505"
	var ofPostgreSQL *pgconn.PgError
	if errors.As(err, &ofPostgreSQL) {
		return ofPostgreSQL.Code == uniqueViolation
	}
	var ofSQLite *sqlite.Error
	return errors.As(err, &ofSQLite) &&
		(ofSQLite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || ofSQLite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
