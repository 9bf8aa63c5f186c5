package telemetry_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
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

// BenchmarkDatabaseHook measures what the hook adds to a statement, by calling it as bun does, with no database behind.
func BenchmarkDatabaseHook(b *testing.B) {
	for name, ratio := range map[string]float64{"recorded": 1, "not recorded": 0} {
		b.Run(name, func(b *testing.B) {
			collector := telemetrytest.NewCollector(b)
			tel, err := telemetry.Start(telemetry.Config{
				Service: "bench", OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: ratio, Logs: io.Discard,
			})
			require.NoError(b, err)
			hook := tel.DatabaseHook("sqlite", "bench")
			db := bun.NewDB(sql.OpenDB(nowhere{}), sqlitedialect.New())
			query := db.NewSelect().Model(&[]egg{}).Where("owner = ? AND id IN (?)", "ann@example.org", bun.List([]int{1, 2, 3}))
			event := bun.QueryEvent{DB: db, IQuery: query, Query: query.String(), Result: result(3)}
			ctx, span := tel.TracerProvider().Tracer("bench").Start(b.Context(), "request")
			defer span.End()
			b.ReportAllocs()
			for b.Loop() {
				one := event
				one.StartTime = time.Now()
				hook.AfterQuery(hook.BeforeQuery(ctx, &one), &one)
			}
		})
	}
}

// result is the number of rows of a statement's result.
type result int64

func (result) LastInsertId() (int64, error)   { return 0, nil }
func (r result) RowsAffected() (int64, error) { return int64(r), nil }

// nowhere is a database that nobody can reach.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("there is no database")
}
func (nowhere) Driver() driver.Driver { return nil }
