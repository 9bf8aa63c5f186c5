package telemetry_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	_ "modernc.org/sqlite"

	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

type egg struct {
	bun.BaseModel `bun:"table:eggs"`

	ID    int64 `bun:",pk"`
	Owner string
}

func TestADatabaseStatementLeavesOneSpanAndOneSample(t *testing.T) {
	for name, c := range map[string]struct {
		run       func(ctx context.Context, db *bun.DB) error
		span      string
		text      string
		operation string
		table     string
		errorType string
		code      string
		rows      string // the attribute that says how many
	}{
		"a query": {
			run: func(ctx context.Context, db *bun.DB) error {
				return db.NewSelect().Model(&[]egg{}).Where("owner = ?", "ann@example.org").Scan(ctx)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs",
			text: `SELECT "egg"."id", "egg"."owner" FROM "eggs" AS "egg" WHERE (owner = ?)`, rows: "db.response.returned_rows",
		},
		"a change": {
			run: func(ctx context.Context, db *bun.DB) error {
				_, err := db.NewInsert().Model(&egg{ID: 7, Owner: "ann@example.org"}).Exec(ctx)
				return err
			},
			span: "INSERT eggs", operation: "INSERT", table: "eggs",
			text: `INSERT INTO "eggs" ("id", "owner") VALUES (?, ?)`, rows: "db.response.affected_rows",
		},
		"a row that is there already": {
			run: func(ctx context.Context, db *bun.DB) error {
				_, err := db.NewInsert().Model(&egg{ID: 1, Owner: "bob@example.org"}).Exec(ctx)
				return err
			},
			span: "INSERT eggs", operation: "INSERT", table: "eggs", errorType: "conflict", code: "1555",
			text: `INSERT INTO "eggs" ("id", "owner") VALUES (?, ?)`,
		},
		"a query in plain SQL": {
			run: func(ctx context.Context, db *bun.DB) error {
				var n int
				return db.NewRaw("SELECT count(*) FROM eggs WHERE owner <> ?", "FROM hens").Scan(ctx, &n)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs", text: `SELECT count(*) FROM eggs WHERE owner <> ?`,
			rows: "db.response.returned_rows",
		},
		"a query of a table expression": {
			run: func(ctx context.Context, db *bun.DB) error {
				var ids []int64
				return db.NewSelect().TableExpr("eggs AS e").ColumnExpr("e.id").Where("e.id IN (?)", bun.List([]int{1, 2, 3})).Scan(ctx, &ids)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs", text: `SELECT e.id FROM eggs AS e WHERE (e.id IN (?))`,
			rows: "db.response.returned_rows",
		},
		"a statement in plain SQL": {
			run: func(ctx context.Context, db *bun.DB) error {
				_, err := db.ExecContext(ctx, "PRAGMA user_version = 7")
				return err
			},
			span: "PRAGMA", operation: "OTHER", text: "PRAGMA user_version = ?",
		},
		"a statement that fails": {
			run: func(ctx context.Context, db *bun.DB) error {
				_, err := db.NewDelete().Table("hens").Where("id = 7").Exec(ctx)
				return err
			},
			span: "DELETE hens", operation: "DELETE", table: "hens", text: `DELETE FROM "hens" WHERE (id = ?)`, errorType: "internal", code: "1",
		},
		"a statement that comes too late": {
			run: func(ctx context.Context, db *bun.DB) error {
				ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
				defer cancel()
				return db.NewSelect().Model(&[]egg{}).Scan(ctx)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs", errorType: "timeout",
			text: `SELECT "egg"."id", "egg"."owner" FROM "eggs" AS "egg"`,
		},
		"a row that is not there is no error": {
			run: func(ctx context.Context, db *bun.DB) error {
				return db.NewSelect().Model(&egg{}).Where("id = 9").Scan(ctx)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs",
			text: `SELECT "egg"."id", "egg"."owner" FROM "eggs" AS "egg" WHERE (id = ?)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector, tel, db := measured(t)
			ctx, parent := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
			err := c.run(ctx, db)
			if c.errorType == "" && err != nil {
				require.ErrorIs(t, err, sql.ErrNoRows)
			}
			parent.End()

			span := spanNamed(t, collector.WaitForSpans(2), c.span)
			require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, span.GetKind())
			parentID := parent.SpanContext().SpanID()
			require.Equal(t, parentID[:], span.GetParentSpanId(), "it is part of the request's trace")
			require.Equal(t, "sqlite", telemetrytest.Attribute(span, "db.system.name"))
			require.Equal(t, "henhouse", telemetrytest.Attribute(span, "db.namespace"))
			require.Equal(t, c.table, telemetrytest.Attribute(span, "db.collection.name"))
			require.Equal(t, c.text, telemetrytest.Attribute(span, "db.query.text"), "the text has no values")
			require.Equal(t, c.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.code, telemetrytest.Attribute(span, "db.response.status_code"))
			for _, rows := range []string{"db.response.returned_rows", "db.response.affected_rows"} {
				want := ""
				if rows == c.rows {
					want = "int_value:1"
				}
				require.Equal(t, want, telemetrytest.Attribute(span, rows), rows)
			}
			require.Equal(t, c.errorType != "", span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)

			require.Equal(t, 1, samplesOf(t, tel, "db_client_operation_duration_seconds", nil), "one sample in all")
			require.Equal(t, 1, samplesOf(t, tel, "db_client_operation_duration_seconds", map[string]string{
				"db_system_name": "sqlite", "db_operation_name": c.operation, "db_collection_name": c.table, "error_type": c.errorType,
			}))
		})
	}
}

func spanNamed(t *testing.T, spans []*tracepb.Span, name string) *tracepb.Span {
	t.Helper()
	var names []string
	for _, span := range spans {
		if span.GetName() == name {
			return span
		}
		names = append(names, span.GetName())
	}
	require.Failf(t, "no such span", "%q is not among %q", name, names)
	return nil
}
