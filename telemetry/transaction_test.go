package telemetry_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestATransactionIsOneSpanWithItsStatementsBelowIt(t *testing.T) {
	insert := func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&egg{ID: 2, Owner: "ann@example.org"}).Exec(ctx)
		return err
	}
	for name, c := range map[string]struct {
		run       func(ctx context.Context, db *bun.DB) error
		below     []string // names of the spans of its statements
		outcome   string
		errorType string
	}{
		"that is committed": {
			run: func(ctx context.Context, db *bun.DB) error {
				return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					return errors.Join(insert(ctx, tx), tx.NewSelect().Model(&[]egg{}).Scan(ctx))
				})
			},
			below: []string{"INSERT eggs", "SELECT eggs"}, outcome: "committed",
		},
		"that the caller takes back": {
			run: func(ctx context.Context, db *bun.DB) error {
				_ = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					return errors.Join(insert(ctx, tx), errors.New("sold out"))
				})
				return nil
			},
			below: []string{"INSERT eggs"}, outcome: "rolled_back",
		},
		"that fails with a statement": {
			run: func(ctx context.Context, db *bun.DB) error {
				_ = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					return errors.Join(insert(ctx, tx), insert(ctx, tx))
				})
				return nil
			},
			below: []string{"INSERT eggs", "INSERT eggs"}, outcome: "rolled_back", errorType: "conflict",
		},
		"in which another panics": {
			run: func(ctx context.Context, db *bun.DB) error {
				defer func() { _ = recover() }()
				return db.RunInTx(ctx, nil, func(context.Context, bun.Tx) error { panic("no") })
			},
			outcome: "rolled_back",
		},
		"whose caller gives up": {
			run: func(ctx context.Context, db *bun.DB) error {
				ctx, cancel := context.WithCancel(ctx)
				_ = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					err := insert(ctx, tx)
					cancel()
					return errors.Join(err, ctx.Err())
				})
				return nil
			},
			below: []string{"INSERT eggs"}, outcome: "rolled_back", errorType: "canceled",
		},
		"that cannot begin": {
			run: func(ctx context.Context, db *bun.DB) error {
				ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
				defer cancel()
				_ = db.RunInTx(ctx, nil, func(context.Context, bun.Tx) error { return nil })
				return nil
			},
			outcome: "failed", errorType: "timeout",
		},
		"with another in it": {
			run: func(ctx context.Context, db *bun.DB) error {
				return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					return tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return insert(ctx, tx) })
				})
			},
			below: []string{"SAVEPOINT", "INSERT eggs", "RELEASE"}, outcome: "committed",
		},
		"that is rolled back again, to make sure": {
			run: func(ctx context.Context, db *bun.DB) error {
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(t, err)
				defer func() { _ = tx.Rollback() }()
				return tx.Commit()
			},
			outcome: "committed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector, tel, db := measured(t)
			ctx, parent := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
			require.NoError(t, c.run(ctx, db))
			parent.End()

			spans := collector.WaitForSpans(2 + len(c.below))
			require.Len(t, spans, 2+len(c.below))
			whole := spanNamed(t, spans, "transaction")
			parentID := parent.SpanContext().SpanID()
			require.Equal(t, parentID[:], whole.GetParentSpanId())
			require.Equal(t, c.outcome, telemetrytest.Attribute(whole, "db.transaction.outcome"))
			require.Equal(t, c.errorType, telemetrytest.Attribute(whole, "error.type"))
			var below []string
			for _, span := range spans {
				if bytes.Equal(span.GetParentSpanId(), whole.GetSpanId()) {
					below = append(below, span.GetName())
					require.GreaterOrEqual(t, span.GetStartTimeUnixNano(), whole.GetStartTimeUnixNano())
					require.LessOrEqual(t, span.GetEndTimeUnixNano(), whole.GetEndTimeUnixNano())
				}
			}
			require.Equal(t, c.below, below)
			require.Equal(t, 1, samplesOf(t, tel, "db_client_operation_duration_seconds",
				map[string]string{"db_operation_name": "transaction", "error_type": c.errorType}))
		})
	}
}

func TestEndingATransactionTwiceIsAMistakeThatShows(t *testing.T) {
	collector, _, db := measured(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, tx.Commit(), sql.ErrTxDone)
	_, err = tx.NewDelete().Table("eggs").Where("true").Exec(t.Context())
	require.ErrorIs(t, err, sql.ErrTxDone)
	spans := collector.WaitForSpans(3)
	require.Equal(t, "committed", telemetrytest.Attribute(spans[0], "db.transaction.outcome"))
	require.Equal(t, "failed", telemetrytest.Attribute(spans[1], "db.transaction.outcome"))
	require.Equal(t, "internal", telemetrytest.Attribute(spans[1], "error.type"))
	require.Equal(t, "internal", telemetrytest.Attribute(spans[2], "error.type"), "a statement after the end")
}

// measured is a database with one egg in it whose telemetry goes to the collector.
func measured(t *testing.T) (*telemetrytest.Collector, *telemetry.Telemetry, *bun.DB) {
	t.Helper()
	collector := telemetrytest.NewCollector(t)
	tel, err := telemetry.Start(telemetry.Config{
		Service: "test", OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, ExportInterval: 10 * time.Millisecond,
		Logs: io.Discard,
	})
	require.NoError(t, err)
	pool, err := sql.Open("sqlite", "file::memory:")
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	db := bun.NewDB(pool, sqlitedialect.New())
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.NewCreateTable().Model((*egg)(nil)).Exec(t.Context())
	require.NoError(t, err)
	_, err = db.NewInsert().Model(&egg{ID: 1, Owner: "ann@example.org"}).Exec(t.Context())
	require.NoError(t, err)
	return collector, tel, db.WithQueryHook(tel.DatabaseHook("sqlite", "henhouse"))
}

// samplesOf is how many samples the series of a histogram with these labels have.
func samplesOf(t *testing.T, tel *telemetry.Telemetry, metric string, labels map[string]string) (n int) {
	t.Helper()
	for _, m := range (&service{t: t, tel: tel}).families()[metric].GetMetric() {
		found := 0
		for _, l := range m.GetLabel() {
			if value, asked := labels[l.GetName()]; asked && value == l.GetValue() {
				found++
			}
		}
		if found == len(labels) {
			n += int(m.GetHistogram().GetSampleCount())
		}
	}
	return n
}
