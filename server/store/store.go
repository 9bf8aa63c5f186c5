// Package store keeps the market in SQLite or PostgreSQL, through bun. Its errors are of the kinds that package market
// declares.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

// Options bound what the store takes of the database. Zero values mean the defaults.
type Options struct {
	MaxConns         int           // default 4 on SQLite, 16 on PostgreSQL
	StatementTimeout time.Duration // default 5 s
	// Connect wraps what opens connections; nil: nothing does. It is given the system, as System says it.
	Connect func(system string, of driver.Connector) driver.Connector
}

func (o Options) connector(system string, of driver.Connector) driver.Connector {
	if o.Connect == nil {
		return of
	}
	return o.Connect(system, of)
}

// The databases, as the OpenTelemetry conventions name them.
const (
	systemSQLite     = "sqlite"
	systemPostgreSQL = "postgresql"
)

const (
	defaultStatementTimeout = 5 * time.Second
	// networkMargin is how much longer than the statement timeout we wait for the answer: the database is to end the
	// statement, which keeps the connection; ending it from here costs the connection.
	networkMargin = time.Second
)

// Store is a database with the market in it. It is safe for concurrent use.
type Store struct {
	db      *bun.DB
	name    string        // of the database
	timeout time.Duration // of one operation, the network included

	// writing holds one token. SQLite has one writer at a time: those who wait in SQLite poll, and each keeps a connection
	// from the readers; those who wait here are served in turn and keep none. It is nil on PostgreSQL.
	writing chan struct{}
}

// Open prepares access to the database at the URL, sqlite://path/to/file.db or postgres://user:password@host/database,
// or sqlite://:memory: for one that ends with the store. A SQLite file that does not exist is created. It fails when
// the URL or the file cannot be right, not when the database is away: a PostgreSQL server is first contacted when it is
// needed. No error of the store shows the URL's password.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	if opts.StatementTimeout <= 0 {
		opts.StatementTimeout = defaultStatementTimeout
	}
	scheme, rest, _ := strings.Cut(url, "://")
	switch {
	case scheme == "sqlite" && rest != "":
		return openSQLite(ctx, rest, opts)
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgreSQL(url, opts)
	default:
		return nil, errors.New("open database: the URL must be like sqlite://path/to/file.db or " +
			"postgres://user:password@host:5432/database")
	}
}

func openSQLite(ctx context.Context, path string, opts Options) (*Store, error) {
	pool, err := sqlitePool(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("open SQLite database %s: %w", path, err)
	}
	return &Store{
		db:      bun.NewDB(pool, sqlitedialect.New()),
		name:    filepath.Base(path),
		timeout: opts.StatementTimeout,
		writing: make(chan struct{}, 1),
	}, nil
}

func openPostgreSQL(url string, opts Options) (*Store, error) {
	pool, name, err := postgresPool(url, opts)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL database: %w", err)
	}
	return &Store{db: bun.NewDB(pool, pgdialect.New()), name: name, timeout: opts.StatementTimeout + networkMargin}, nil
}

// DB is the database itself, for migrations.
func (s *Store) DB() *bun.DB { return s.db }

// Observe makes every statement pass by the hook. It must come before the store is used.
func (s *Store) Observe(hook bun.QueryHook) { s.db = s.db.WithQueryHook(hook) }

// System is the database's name in the OpenTelemetry conventions: sqlite or postgresql.
func (s *Store) System() string {
	if s.db.Dialect().Name() == dialect.PG {
		return systemPostgreSQL
	}
	return systemSQLite
}

// Name is the database's name: that of the file where it is SQLite.
func (s *Store) Name() string { return s.name }

// Ping asks the database for a sign of life. It fails with market.ErrUnavailable or market.ErrTimeout. Query hooks do
// not see it.
func (s *Store) Ping(ctx context.Context) error {
	return s.run(ctx, "ping the database", func(ctx context.Context) error {
		query := "SELECT 1"
		if s.writing != nil {
			query = "SELECT count(*) FROM sqlite_master" // reads the file, which SELECT 1 does not
		}
		var answer int
		return s.db.DB.QueryRowContext(ctx, query).Scan(&answer)
	})
}

// Close ends all connections. Operations under way fail.
func (s *Store) Close() error { return s.db.Close() }

// run bounds an operation in time and gives its error a kind. doing names it in the error.
func (s *Store) run(ctx context.Context, doing string, operation func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := operation(bounded); err != nil {
		return classify(ctx, doing, err)
	}
	return nil
}

// write runs the operation in a transaction, alone among the writers of this process where the database is SQLite.
func (s *Store) write(ctx context.Context, doing string, operation func(ctx context.Context, tx bun.Tx) error) error {
	return s.run(ctx, doing, func(ctx context.Context) error {
		if s.writing != nil {
			select {
			case s.writing <- struct{}{}:
				defer func() { <-s.writing }()
			case <-ctx.Done():
				return fmt.Errorf("wait for other writers: %w", ctx.Err())
			}
		}
		return s.db.RunInTx(ctx, &sql.TxOptions{}, operation)
	})
}
