package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

// systems are the databases that are measured.
func systems() []string { return []string{"sqlite", "postgresql"} }

// database is an empty one that is dropped when all is done.
type database struct {
	url  string
	drop func() error
}

// create makes a SQLite file in a folder of its own, or a PostgreSQL database.
func create(ctx context.Context, system string) (database, error) {
	if system == "sqlite" {
		dir, err := os.MkdirTemp("", "market-bench-")
		if err != nil {
			return database{}, err
		}
		return database{url: "sqlite://" + filepath.Join(dir, "market.db"), drop: func() error { return os.RemoveAll(dir) }}, nil
	}
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		server = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	}
	parsed, err := url.Parse(server)
	if err != nil {
		return database{}, errors.New("TEST_POSTGRES_URL is not a URL")
	}
	name := "bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := administer(ctx, server, "CREATE DATABASE "+name); err != nil {
		return database{}, fmt.Errorf("PostgreSQL at TEST_POSTGRES_URL is needed: %w", err)
	}
	parsed.Path = "/" + name
	return database{url: parsed.String(), drop: func() error {
		return administer(context.WithoutCancel(ctx), server, "DROP DATABASE "+name+" WITH (FORCE)")
	}}, nil
}

func administer(ctx context.Context, server, statement string) (err error) {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement)
	return err
}
