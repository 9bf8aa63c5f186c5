package telemetry_test

import (
	"context"
	"database/sql"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	_ "modernc.org/sqlite"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

type egg struct {
	bun.BaseModel `bun:"table:eggs"`

	ID    int64
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
	}{
		"a query": {
			run: func(ctx context.Context, db *bun.DB) error {
				return db.NewSelect().Model(&[]egg{}).Where("owner = ?", "ann@example.org").Scan(ctx)
			},
			span: "SELECT eggs", operation: "SELECT", table: "eggs",
			text: `SELECT "egg"."id", "egg"."owner" FROM "eggs" AS "egg" WHERE (owner = ?)`,
		},
		"a change": {
			run: func(ctx context.Context, db *bun.DB) error {
				_, err := db.NewInsert().Model(&egg{ID: 7, Owner: "ann@example.org"}).Exec(ctx)
				return err
			},
			span: "INSERT eggs", operation: "INSERT", table: "eggs",
			text: `INSERT INTO "eggs" ("id", "owner") VALUES (?, ?)`,
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
			span: "DELETE hens", operation: "DELETE", table: "hens", text: `DELETE FROM "hens" WHERE (id = ?)`, errorType: "dependency",
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
			collector := telemetrytest.NewCollector(t)
			tel, err := telemetry.Start(telemetry.Config{
				Service: "test", OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1,
				ExportInterval: 10 * time.Millisecond, Logs: io.Discard,
			})
			require.NoError(t, err)
			pool, err := sql.Open("sqlite", "file::memory:")
			require.NoError(t, err)
			pool.SetMaxOpenConns(1)
			db := bun.NewDB(pool, sqlitedialect.New())
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			_, err = db.NewCreateTable().Model((*egg)(nil)).Exec(t.Context())
			require.NoError(t, err)

			db = db.WithQueryHook(tel.DatabaseHook("sqlite"))
			ctx, parent := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
			err = c.run(ctx, db)
			if c.errorType == "" && err != nil {
				require.ErrorIs(t, err, sql.ErrNoRows)
			}
			parent.End()

			span := spanNamed(t, collector.WaitForSpans(2), c.span)
			require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, span.GetKind())
			parentID := parent.SpanContext().SpanID()
			require.Equal(t, parentID[:], span.GetParentSpanId(), "it is part of the request's trace")
			require.Equal(t, "sqlite", telemetrytest.Attribute(span, "db.system.name"))
			require.Equal(t, c.table, telemetrytest.Attribute(span, "db.collection.name"))
			require.Equal(t, c.text, telemetrytest.Attribute(span, "db.query.text"), "the text has no values")
			require.Equal(t, c.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.errorType != "", span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR)

			s := &service{t: t, tel: tel}
			metrics := s.families()["db_client_operation_duration_seconds"].GetMetric()
			require.Len(t, metrics, 1)
			labels := map[string]string{}
			for _, l := range metrics[0].GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			require.Equal(t, map[string]string{
				"db_system_name": "sqlite", "db_operation_name": c.operation, "db_collection_name": c.table, "error_type": c.errorType,
			}, labels)
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
