// Package migrations holds the database schema as SQL files, and applies them. One folder serves SQLite and PostgreSQL:
// the files are portable SQL, and text/template fills in the few words that differ (see dialect). They only go forward;
// what is to be undone is undone by a later file.
//
// A file is named NUMBER_name.up.sql. Its statements are separated by lines that say --bun:split, as bun's own migrator
// has it.
package migrations

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/template"
	"time"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/migrate"
)

//go:embed *.up.sql
var files embed.FS

// table is where bun's migrator records what was applied; we keep its name and columns.
const table = "bun_migrations"

// Migrate brings the schema up to date and returns the files it applied, oldest first. All of them are applied in one
// transaction together with the record of them: a failure, which names the file and the statement, leaves the database
// as it was. Where several processes migrate at once, one works and the others wait for it.
//
// bun's own migrator records a migration in a statement of its own, so a crash can come between the two.
func Migrate(ctx context.Context, db *bun.DB) (applied []string, err error) {
	return migrateFiles(ctx, db, files)
}

func migrateFiles(ctx context.Context, db *bun.DB, fsys fs.FS) (applied []string, err error) {
	known, err := discover(fsys)
	if err != nil {
		return nil, err
	}
	err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		applied = nil
		if err := lock(ctx, tx); err != nil {
			return err
		}
		done, err := recorded(ctx, tx)
		if err != nil {
			return err
		}
		for i := range known {
			if _, ok := done[known[i].Name]; ok {
				continue
			}
			if err := apply(ctx, tx, fsys, &known[i]); err != nil {
				return err
			}
			applied = append(applied, fileName(known[i]))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("migrate the database, which is left as it was: %w", err)
	}
	return applied, nil
}

// State is one migration and whether the database has it.
type State struct {
	File      string
	AppliedAt time.Time // zero when it is not applied
}

// Status returns every migration this program knows, oldest first. It changes nothing.
func Status(ctx context.Context, db *bun.DB) ([]State, error) {
	known, err := discover(files)
	if err != nil {
		return nil, err
	}
	exists, err := tableExists(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read the state of the migrations: %w", err)
	}
	var done map[string]time.Time
	if exists {
		if done, err = readRecords(ctx, db); err != nil {
			return nil, err
		}
	}
	states := make([]State, len(known))
	for i, migration := range known {
		states[i] = State{File: fileName(migration), AppliedAt: done[migration.Name]}
	}
	return states, nil
}

func discover(fsys fs.FS) (migrate.MigrationSlice, error) {
	migrations := migrate.NewMigrations()
	if err := migrations.Discover(fsys); err != nil {
		return nil, fmt.Errorf("read the migration files: %w", err)
	}
	return migrations.Sorted(), nil
}

func fileName(migration migrate.Migration) string { return migration.String() + ".up.sql" }

// lock makes other processes that migrate the same schema wait until the transaction ends. On SQLite the transaction
// is the lock: the store begins every one as a writer.
func lock(ctx context.Context, tx bun.Tx) error {
	if tx.Dialect().Name() != bundialect.PG {
		return nil
	}
	for _, statement := range []string{
		"SET LOCAL statement_timeout = 0",
		"SELECT pg_advisory_xact_lock(hashtextextended('migrations of ' || current_schema(), 0))",
		// A migration that waits for a busy table makes everyone else queue behind it.
		"SET LOCAL lock_timeout = '10s'",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("wait for other processes that migrate: %w", err)
		}
	}
	return nil
}

// recorded returns when each applied migration was applied, by number.
func recorded(ctx context.Context, tx bun.Tx) (map[string]time.Time, error) {
	if _, err := tx.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr(table).IfNotExists().Exec(ctx); err != nil {
		return nil, fmt.Errorf("create table %s: %w", table, err)
	}
	return readRecords(ctx, tx)
}

func readRecords(ctx context.Context, db bun.IDB) (map[string]time.Time, error) {
	var rows []migrate.Migration
	if err := db.NewSelect().Model(&rows).ModelTableExpr(table).ColumnExpr("*").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	done := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		done[row.Name] = row.MigratedAt
	}
	return done, nil
}

func tableExists(ctx context.Context, db *bun.DB) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + table + "'"
	if db.Dialect().Name() == bundialect.PG {
		query = "SELECT count(to_regclass('" + table + "'))"
	}
	var count int
	err := db.QueryRowContext(ctx, query).Scan(&count)
	return count > 0, err
}

func apply(ctx context.Context, tx bun.Tx, fsys fs.FS, migration *migrate.Migration) error {
	file := fileName(*migration)
	statements, err := read(fsys, file, tx.Dialect().Name())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: statement %d, %q: %w", file, i+1, summary(statement), err)
		}
	}
	migration.MigratedAt = time.Now().UTC()
	if _, err := tx.NewInsert().Model(migration).ModelTableExpr(table).Exec(ctx); err != nil {
		return fmt.Errorf("%s: record it in %s: %w", file, table, err)
	}
	return nil
}

// dialect is what templates can use.
type dialect struct {
	PostgreSQL bool   // for what one database alone has: {{if .PostgreSQL}}...{{end}}
	ByteOrder  string // the collation that compares text by its bytes
	CodePoint  string // the function that returns the code point of a character
	Character  string // the function that returns the character of a code point
}

func dialectOf(name bundialect.Name) (dialect, error) {
	switch name {
	case bundialect.PG:
		return dialect{PostgreSQL: true, ByteOrder: `"C"`, CodePoint: "ascii", Character: "chr"}, nil
	case bundialect.SQLite:
		return dialect{ByteOrder: "BINARY", CodePoint: "unicode", Character: "char"}, nil
	default:
		return dialect{}, errors.New("migrations exist for SQLite and PostgreSQL only, not for " + name.String())
	}
}

// read returns the statements of a file for the dialect.
func read(fsys fs.FS, file string, name bundialect.Name) ([]string, error) {
	words, err := dialectOf(name)
	if err != nil {
		return nil, err
	}
	source, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(file).Parse(string(source))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, words); err != nil {
		return nil, err
	}
	var statements []string
	for part := range strings.SplitSeq(text.String(), "--bun:split") {
		if summary(part) != "" {
			statements = append(statements, strings.TrimSpace(part))
		}
	}
	return statements, nil
}

// summary is the first line of a statement that is not a comment; it is empty when there is none.
func summary(statement string) string {
	for line := range strings.Lines(statement) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--") {
			return line
		}
	}
	return ""
}
