package store

import (
	"database/sql"
	"errors"
	neturl "net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	defaultPostgreSQLConnections = 16
	postgresConnectTimeout       = 3 * time.Second
	// Connections are renewed, so that a failover or a changed DNS entry reaches all of them.
	postgresConnectionLifetime = 30 * time.Minute
	postgresConnectionIdleTime = 5 * time.Minute
	// A transaction whose process hangs lets go of its locks after this.
	postgresIdleInTransaction = 30 * time.Second
)

// postgresPool prepares a pool of connections to the database with the name. None is opened before it is needed.
func postgresPool(url string, opts Options) (pool *sql.DB, name string, err error) {
	config, err := postgresConfig(url, opts)
	if err != nil {
		return nil, "", err
	}
	if opts.MaxConns <= 0 {
		opts.MaxConns = defaultPostgreSQLConnections
	}
	pool = sql.OpenDB(opts.connector(systemPostgreSQL, stdlib.GetConnector(*config)))
	pool.SetMaxOpenConns(opts.MaxConns)
	pool.SetMaxIdleConns(opts.MaxConns)
	pool.SetConnMaxLifetime(postgresConnectionLifetime)
	pool.SetConnMaxIdleTime(postgresConnectionIdleTime)
	return pool, config.Database, nil
}

func postgresConfig(url string, opts Options) (*pgx.ConnConfig, error) {
	parsed, err := neturl.Parse(url)
	if err != nil {
		// The parser's message may show any part of the URL.
		return nil, errors.New("the URL is malformed; characters such as / ? # @ : in a password must be " +
			"percent-encoded: postgres://user:p%40ss@host:5432/database")
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New(withoutPassword(err.Error(), parsed))
	}
	// bun writes the arguments into the statement, so each is new to the server: preparing it first would double the
	// round trips. Exec mode takes one, and unlike the simple protocol refuses several statements in one.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if parsed.Query().Get("connect_timeout") == "" {
		config.ConnectTimeout = postgresConnectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    "market",
		"statement_timeout":                   milliseconds(opts.StatementTimeout),
		"idle_in_transaction_session_timeout": milliseconds(postgresIdleInTransaction),
	} {
		if _, chosen := config.RuntimeParams[name]; !chosen {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// withoutPassword takes the URL's passwords out of a message, however they are written there.
func withoutPassword(message string, url *neturl.URL) string {
	inUserInfo, _ := url.User.Password()
	for _, password := range []string{inUserInfo, url.Query().Get("password"), url.Query().Get("sslpassword")} {
		for _, written := range []string{password, neturl.QueryEscape(password), neturl.PathEscape(password)} {
			if written != "" {
				message = strings.ReplaceAll(message, written, "xxxxx")
			}
		}
	}
	return message
}
