package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// sqlStateLength is how long an SQLSTATE is: a class of two characters and three more.
const sqlStateLength = 5

// category is the category of a statement's error. No rows is an answer, not an error.
func (h *databaseHook) category(ctx context.Context, err error) string {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return ""
	case errors.Is(err, context.Canceled):
		return catalogue.ErrorCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	case ctx.Err() != nil: // the driver says in its own way that it was stopped, and database/sql ends the transaction
		return categoryOfEnd(ctx)
	case errors.Is(err, sql.ErrTxDone): // it was used after its end
		return catalogue.ErrorInternal
	}
	switch code := h.statusCode(err); {
	case code == "":
		return catalogue.ErrorDependency // the network or the driver: the statement did not get there, or its answer not here
	case h.system == "sqlite":
		return categoryOfResult(code)
	default:
		return categoryOfSQLState(code)
	}
}

// categoryOfEnd says why the context has ended, if it has.
func categoryOfEnd(ctx context.Context) string {
	switch {
	case ctx.Err() == nil:
		return ""
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	}
	return catalogue.ErrorCanceled
}

// statusCode is the database's own code of the error: the SQLSTATE of PostgreSQL, the extended result code of SQLite;
// empty when it is not the database's. Drivers are known by their methods only, so that a service does not link those
// that it has no use for.
func (h *databaseHook) statusCode(err error) string {
	var ofPostgreSQL interface{ SQLState() string }
	if errors.As(err, &ofPostgreSQL) {
		return ofPostgreSQL.SQLState()
	}
	var ofSQLite interface{ Code() int }
	if h.system == "sqlite" && errors.As(err, &ofSQLite) {
		return strconv.Itoa(ofSQLite.Code())
	}
	return ""
}

// categoryOfSQLState judges by https://www.postgresql.org/docs/current/errcodes-appendix.html.
func categoryOfSQLState(code string) string {
	if len(code) != sqlStateLength {
		return catalogue.ErrorDependency
	}
	switch code {
	case "57014", // query_canceled, by statement_timeout
		"55P03", // lock_not_available, by lock_timeout
		"25P03", // idle_in_transaction_session_timeout
		"25P04": // transaction_timeout
		return catalogue.ErrorTimeout
	case "25006": // read_only_sql_transaction: the server is a standby
		return catalogue.ErrorDependency
	}
	switch code[:2] {
	case "23", // integrity constraint violation
		"40": // transaction rollback: it could not be serialized, or there was a deadlock
		return catalogue.ErrorConflict
	case "08", // connection exception
		"28", // invalid authorization
		"3D", // invalid catalog name: there is no such database
		"53", // insufficient resources: disk full, out of memory, too many connections
		"57", // operator intervention: shut down, starting up
		"58", // system error: input/output
		"XX": // internal error: data corrupted
		return catalogue.ErrorDependency
	}
	return catalogue.ErrorInternal // the statement itself is wrong
}

// Primary result codes of SQLite: https://www.sqlite.org/rescode.html.
const (
	sqliteBusy, sqliteLocked, sqliteInterrupt = 5, 6, 9
	sqliteConstraint                          = 19

	sqlitePermission, sqliteNoMemory, sqliteReadOnly, sqliteIO, sqliteCorrupt = 3, 7, 8, 10, 11
	sqliteFull, sqliteCannotOpen, sqliteProtocol, sqliteNoDatabase            = 13, 14, 15, 26
)

// categoryOfResult judges by the primary result code, which is the low byte of the extended one.
func categoryOfResult(code string) string {
	const primary = 0xff
	extended, err := strconv.Atoi(code)
	if err != nil {
		return catalogue.ErrorInternal
	}
	away := []int{
		sqlitePermission, sqliteNoMemory, sqliteReadOnly, sqliteIO, sqliteCorrupt,
		sqliteFull, sqliteCannotOpen, sqliteProtocol, sqliteNoDatabase,
	}
	switch result := extended & primary; {
	case result == sqliteBusy, result == sqliteLocked, result == sqliteInterrupt:
		return catalogue.ErrorTimeout // other writers held it for longer than was waited
	case result == sqliteConstraint:
		return catalogue.ErrorConflict
	case slices.Contains(away, result):
		return catalogue.ErrorDependency
	}
	return catalogue.ErrorInternal // the statement itself is wrong
}
