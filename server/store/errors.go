package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/farmersmarket/platform/server/market"
)

// classify says what was being done and gives the error its kind. Where the caller has given up, the kind is that of
// the caller's context, whatever the driver made of it.
func classify(caller context.Context, doing string, err error) error {
	kind := caller.Err()
	if kind == nil {
		kind = kindOf(err)
	}
	if kind == nil || errors.Is(err, kind) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, err)
}

// kindOf returns market.ErrUnavailable, market.ErrTimeout, or nil for an error that is a fault of ours or has its kind
// already.
func kindOf(err error) error {
	var (
		ofPostgreSQL *pgconn.PgError
		connecting   *pgconn.ConnectError
		network      net.Error
		file         *fs.PathError
	)
	switch {
	case resultCode(err) != sqlite3.SQLITE_OK:
		return kindOfSQLite(resultCode(err))
	case errors.As(err, &connecting): // before the others: it wraps what the server or the network said
		return market.ErrUnavailable
	case errors.As(err, &ofPostgreSQL):
		return kindOfPostgreSQL(ofPostgreSQL.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return market.ErrTimeout
	case errors.As(err, &network), errors.As(err, &file), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, net.ErrClosed):
		return market.ErrUnavailable
	}
	return nil
}

// resultCode returns the primary result code of an error of SQLite, and SQLITE_OK for others. It is the low byte of the
// extended code: https://www.sqlite.org/rescode.html.
func resultCode(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return sqlite3.SQLITE_OK
	}
	return failure.Code() & 0xff
}

func kindOfSQLite(code int) error {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return market.ErrTimeout
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM:
		return market.ErrUnavailable
	}
	return nil
}

// isTimeout reports whether PostgreSQL has ended the statement because it took, or waited, too long.
func isTimeout(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && errors.Is(kindOfPostgreSQL(failure.Code), market.ErrTimeout)
}

// kindOfPostgreSQL judges by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func kindOfPostgreSQL(state string) error {
	switch state {
	case "57014", // query_canceled, by statement_timeout
		"55P03", // lock_not_available, by lock_timeout
		"25P03": // idle_in_transaction_session_timeout
		return market.ErrTimeout
	case "25006": // read_only_sql_transaction: the server is a standby
		return market.ErrUnavailable
	}
	for _, class := range []string{
		"08", // connection exception
		"53", // insufficient resources: disk full, out of memory, too many connections
		"57", // operator intervention: shut down, starting up
		"58", // system error: input/output
		"XX", // internal error: data corrupted
	} {
		if strings.HasPrefix(state, class) {
			return market.ErrUnavailable
		}
	}
	return nil
}
