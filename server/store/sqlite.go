package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	memoryPath               = ":memory:"
	defaultSQLiteConnections = 4
)

// sqlitePool opens a pool of connections, one of which can write at a time while the others read.
func sqlitePool(ctx context.Context, path string, opts Options) (*sql.DB, error) {
	if strings.Contains(path, "?") {
		return nil, errors.New("the URL of a SQLite database takes no parameters")
	}
	if opts.MaxConns <= 0 {
		opts.MaxConns = defaultSQLiteConnections
	}
	if path == memoryPath {
		opts.MaxConns = 1 // each connection would have a database of its own
	} else if err := createFile(path); err != nil {
		return nil, err
	}
	inner, err := sqlite.NewConnector(sqliteDSN(path, opts.StatementTimeout))
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(opts.connector(systemSQLite, &sqliteConnector{Connector: inner, path: path}))
	// Connections are kept: they cost memory only, and on a full disk a new one may not open where an old one reads on.
	pool.SetMaxOpenConns(opts.MaxConns)
	pool.SetMaxIdleConns(opts.MaxConns)
	// A locked database or a full disk passes, and the pool tries again. A file that is something else does not.
	if err := pool.PingContext(ctx); resultCode(err) == sqlite3.SQLITE_NOTADB {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// createFile creates the database's folder and an empty file, if there are none: connections are opened so that they
// create nothing, lest a database that vanished be replaced by an empty one.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chooses the path
	if errors.Is(err, os.ErrPermission) {
		_, err = os.Stat(path) // one that can be read is enough to start with
		return err
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func sqliteDSN(path string, timeout time.Duration) string {
	query := url.Values{"_pragma": {
		"busy_timeout(" + milliseconds(timeout) + ")",
		"journal_mode(WAL)",
		// An order that was acknowledged survives a power cut too.
		"synchronous(FULL)",
		"foreign_keys(1)",
		"trusted_schema(0)",
		"cache_size(-8000)", // 8 MB per connection
	}}
	// A transaction that begins as a reader and then writes can fail at once, however long the busy timeout.
	query.Set("_txlock", "immediate")
	if path != memoryPath {
		query.Set("mode", "rw")
		path = (&url.URL{Path: path}).EscapedPath()
	}
	return "file:" + path + "?" + query.Encode()
}

// sqliteConnector opens connections that notice when the file they have open is no longer the one at the path.
type sqliteConnector struct {
	driver.Connector
	path string
}

// sqliteDriverConn is what the driver's connections can do.
type sqliteDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// Connect implements driver.Connector.
func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil || c.path == memoryPath {
		return conn, err
	}
	inner, ok := conn.(sqliteDriverConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the SQLite driver's %T lacks methods we need", conn), conn.Close())
	}
	file, err := os.Stat(c.path)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &sqliteConn{sqliteDriverConn: inner, path: c.path, file: file}, nil
}

// sqliteConn is a connection to the file that was at path when it was opened.
type sqliteConn struct {
	sqliteDriverConn
	path string
	file os.FileInfo
}

// ResetSession makes the pool drop the connection if the file was removed or replaced: what is written to it would be
// lost, and what is read from it is not what others see.
func (c *sqliteConn) ResetSession(ctx context.Context) error {
	now, err := os.Stat(c.path)
	if err != nil || !os.SameFile(now, c.file) {
		return driver.ErrBadConn
	}
	return c.sqliteDriverConn.ResetSession(ctx)
}
