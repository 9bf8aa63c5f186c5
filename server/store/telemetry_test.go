package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// signals are what a store's telemetry has sent.
type signals struct {
	tel       *telemetry.Telemetry
	collector *telemetrytest.Collector
	mu        sync.Mutex
	logs      bytes.Buffer
}

// Write takes log lines.
func (s *signals) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.Write(p)
}

// await returns the first log line with the message.
func (s *signals) await(t *testing.T, message string) (line map[string]any) {
	t.Helper()
	require.Eventually(t, func() bool {
		for text := range strings.Lines(s.text()) {
			if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
				return true
			}
		}
		return false
	}, 20*time.Second, 5*time.Millisecond, "no line says %q", message)
	return line
}

func (s *signals) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.String()
}

// observe makes the store's statements visible.
func observe(t *testing.T, s *store.Store, config telemetry.Config) *signals {
	t.Helper()
	seen := &signals{collector: telemetrytest.NewCollector(t)}
	config.Service, config.OTLPEndpoint, config.OTLPInsecure, config.SampleRatio = "test", seen.collector.Addr, true, 1
	config.ExportInterval, config.Logs = 5*time.Millisecond, seen
	var err error
	seen.tel, err = telemetry.Start(config)
	require.NoError(t, err)
	s.Observe(seen.tel.DatabaseHook(s.System(), s.Name()))
	return seen
}

// failed waits for the first span of a failure.
func (s *signals) failed(t *testing.T) (span *tracepb.Span) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, span = range s.collector.Spans() {
			if telemetrytest.Attribute(span, "error.type") != "" {
				return true
			}
		}
		return false
	}, 20*time.Second, 5*time.Millisecond)
	return span
}

func TestASlowStatementIsLoggedWithItsPlanAndWithoutItsValues(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		seen := observe(t, s, telemetry.Config{SlowQuery: time.Nanosecond, SlowQueryPlan: true})
		ctx, span := seen.tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
		defer span.End()
		var farms []string
		require.NoError(t, s.DB().NewSelect().Table("farms").Column("id").
			Where("name = ?", "Hidden\n  Seq Scan on secrets (cost 1 to 2)").Where("created_at > '1987-06-05'").Where("42133742133742 = 42133742133742").
			OrderExpr("created_at").Scan(ctx, &farms))

		line := seen.await(t, "slow statement")
		require.Equal(t, "SELECT", line["db.operation.name"])
		require.Equal(t, "farms", line["db.collection.name"])
		require.Contains(t, line["db.query.text"], "(name = ?) AND (created_at > ?) AND (? = ?)")
		require.Positive(t, line["db.client.operation.duration"])
		require.EqualValues(t, 0, line["db.response.returned_rows"])
		require.Equal(t, span.SpanContext().TraceID().String(), line["trace_id"])

		plan := seen.await(t, "plan of a slow statement")
		require.Equal(t, line["db.query.text"], plan["db.query.text"])
		require.Equal(t, line["trace_id"], plan["trace_id"])
		require.Regexp(t, `(?i)(scan|search) .*farms`, plan["db.query.plan"])
		for _, value := range []string{"Hidden", "secrets", "1987-06", "42133742133742"} {
			require.NotContains(t, seen.text(), value)
		}
	})
}

func TestAPlanRunsNothing(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		stock(t, s)
		seen := observe(t, s, telemetry.Config{SlowQuery: time.Nanosecond, SlowQueryPlan: true})
		_, err = s.DB().ExecContext(t.Context(), "UPDATE products SET price_amount = price_amount + 1")
		require.NoError(t, err)
		before, err := s.Product(t.Context(), id(1))
		require.NoError(t, err)
		seen.await(t, "plan of a slow statement")
		after, err := s.Product(t.Context(), id(1))
		require.NoError(t, err)
		require.Equal(t, before.Price, after.Price)
	})
}

func TestTheStepsOfAnOrderAreBelowItsTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seen := observe(t, s, telemetry.Config{})
		_, err := s.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
		require.NoError(t, err)
		var spans []*tracepb.Span
		require.Eventually(t, func() bool {
			spans = seen.collector.Spans()
			return len(spans) > 1 && spans[len(spans)-1].GetName() == "transaction"
		}, 20*time.Second, 5*time.Millisecond)
		whole := spans[len(spans)-1]
		require.Equal(t, "committed", telemetrytest.Attribute(whole, "db.transaction.outcome"))
		require.NotEmpty(t, telemetrytest.Attribute(whole, "db.namespace"))
		for _, span := range spans[:len(spans)-1] {
			require.Equal(t, whole.GetSpanId(), span.GetParentSpanId(), span.GetName())
		}
	})
}

func TestAFailureIsNamedByWhatFailed(t *testing.T) {
	fails := func(run func(ctx context.Context, db *bun.DB) error) func(*testing.T, *store.Store) {
		return func(t *testing.T, s *store.Store) {
			t.Helper()
			require.Error(t, run(t.Context(), s.DB()))
		}
	}
	exec := func(statement string) func(*testing.T, *store.Store) {
		return fails(func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, statement)
			return err
		})
	}
	type failure struct {
		on        func(t *testing.T) *store.Store
		do        func(t *testing.T, s *store.Store)
		errorType string
		code      string
	}
	on := func(url func(testing.TB) string, opts store.Options) func(t *testing.T) *store.Store {
		return func(t *testing.T) *store.Store {
			t.Helper()
			s := storetest.Open(t, url(t), opts)
			_, err := migrations.Migrate(t.Context(), s.DB())
			require.NoError(t, err)
			stock(t, s)
			return s
		}
	}
	sqlite, postgres := on(storetest.SQLite, store.Options{}), on(storetest.PostgreSQL, store.Options{StatementTimeout: 500 * time.Millisecond})
	const again = "INSERT INTO farms SELECT * FROM farms"
	for name, c := range map[string]failure{
		"SQLite: a row that is there":          {sqlite, exec(again), "conflict", "1555"},
		"SQLite: a statement that is wrong":    {sqlite, exec("SELECT nothing FROM farms"), "internal", "1"},
		"SQLite: another writer":               {busy, exec("DELETE FROM products"), "timeout", "5"},
		"PostgreSQL: a row that is there":      {postgres, exec(again), "conflict", "23505"},
		"PostgreSQL: a statement that's wrong": {postgres, exec("SELECT nothing FROM farms"), "internal", "42703"},
		"PostgreSQL: a value that's wrong":     {postgres, exec("SELECT 'hidden'::integer"), "internal", "22P02"},
		"PostgreSQL: the statement's timeout":  {postgres, exec("SELECT pg_sleep(60)"), "timeout", "57014"},
		"PostgreSQL: nobody there":             {nobody, exec("SELECT 1"), "dependency", ""},
		"the caller's deadline": {postgres, fails(func(ctx context.Context, db *bun.DB) error {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			_, err := db.ExecContext(ctx, "SELECT pg_sleep(60)")
			return err
		}), "timeout", ""},
		"a caller who gives up": {postgres, fails(func(ctx context.Context, db *bun.DB) error {
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				for db.Stats().InUse == 0 {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			_, err := db.ExecContext(ctx, "SELECT pg_sleep(60)")
			return err
		}), "canceled", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.on(t)
			seen := observe(t, s, telemetry.Config{})
			c.do(t, s)
			span := seen.failed(t)
			require.Equal(t, c.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.code, telemetrytest.Attribute(span, "db.response.status_code"))
			require.NotContains(t, span.String(), "hidden")
		})
	}
}

// busy is a SQLite database that another process is writing to.
func busy(t *testing.T) *store.Store {
	t.Helper()
	s, path := openStocked(t, store.Options{})
	tx, err := s.DB().BeginTx(context.WithoutCancel(t.Context()), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tx.Rollback()) })
	return storetest.Open(t, "sqlite://"+path, store.Options{StatementTimeout: 20 * time.Millisecond})
}

// nobody is a PostgreSQL database that is not there.
func nobody(t *testing.T) *store.Store {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	return storetest.Open(t, "postgres://market@"+address+"/market?sslmode=disable", store.Options{})
}
