package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// prove places one order over HTTP and one bare, and fails unless both execute the same statements, in the same order and
// the same transaction, and leave the same rows. What the server executes, it tells in its own spans; the bare side is
// watched in the same way.
func (m *measured) prove(ctx context.Context, bare *bareOrders) error {
	const basket = 0
	by := m.crowd.customers[0]
	overHTTP, err := m.observe(ctx, bare.db, "POST /api/v1/orders", func() (string, error) {
		key := uuid.NewString()
		conn, err := connect(ctx, m.server.address())
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close() }()
		if err := m.order(conn, basket, by, key); err != nil {
			return "", err
		}
		var id string
		err = bare.db.NewRaw("SELECT id FROM orders WHERE idempotency_key = ?", key).Scan(ctx, &id)
		return id, err
	})
	if err != nil {
		return fmt.Errorf("over HTTP: %w", err)
	}
	alone, err := m.observe(ctx, bare.db, transaction, func() (id string, err error) {
		tel, err := telemetry.Start(telemetry.Config{
			Service: "bench", OTLPEndpoint: m.collector.address, OTLPInsecure: true, SampleRatio: 1, Logs: io.Discard,
		})
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, tel.Shutdown(ctx)) }()
		return bare.place(ctx, bare.db.WithQueryHook(tel.DatabaseHook(bare.store.System(), bare.store.Name())), basket, by.id)
	})
	if err != nil {
		return fmt.Errorf("bare: %w", err)
	}
	return overHTTP.mustBe(alone)
}

// transaction is the name of a span around one.
const transaction = catalogue.DBTransaction

// footprint is what an order did: the statements, and the rows that there are now and were not before.
type footprint struct {
	statements []string
	rows       map[string][]string // its own, by table, and how many there are more of in which
}

// observe does it, and finds out what it did to the database. It returns an order's id.
func (m *measured) observe(ctx context.Context, db *bun.DB, lastSpan string, do func() (string, error)) (f footprint, err error) {
	before, err := take(ctx, db)
	if err != nil {
		return f, err
	}
	var id string
	trace, err := m.collector.watch(ctx, func() error {
		id, err = do()
		return err
	}, func(s *tracepb.Span) bool { return s.GetName() == lastSpan })
	if err != nil {
		return f, err
	}
	after, err := take(ctx, db)
	if err != nil {
		return f, err
	}
	f = footprint{statements: statementsOf(trace), rows: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if change := after[name] - before[name]; change != 0 {
			f.rows["changes"] = append(f.rows["changes"], fmt.Sprintf("%s %+d", name, change))
		}
	}
	err = f.read(ctx, db, id)
	return f, err
}

func (f *footprint) mustBe(other footprint) error {
	if len(f.statements) < 2 || !slices.Equal(f.statements, other.statements) {
		return fmt.Errorf("the server executes\n%s\nand the bare side\n%s", strings.Join(f.statements, "\n"), strings.Join(other.statements, "\n"))
	}
	if !maps.EqualFunc(f.rows, other.rows, slices.Equal) {
		return fmt.Errorf("the server leaves\n%v\nand the bare side\n%v", f.rows, other.rows)
	}
	return nil
}

// statementsOf returns the transaction of a trace: how it ended, and its statements in their order. Whatever else is done
// for a request, such as to look up who sends it, is no part of it.
func statementsOf(trace []*tracepb.Span) (statements []string) {
	slices.SortStableFunc(trace, func(a, b *tracepb.Span) int { return cmp.Compare(a.GetStartTimeUnixNano(), b.GetStartTimeUnixNano()) })
	names := map[string]string{}
	for _, span := range trace {
		names[string(span.GetSpanId())] = span.GetName()
		switch {
		case span.GetName() == transaction:
			statements = append(statements, transaction+" "+attribute(span, catalogue.DBTransactionOutcome))
		case names[string(span.GetParentSpanId())] == transaction:
			statements = append(statements, "  "+attribute(span, "db.query.text"))
		}
	}
	return statements
}

func attribute(span *tracepb.Span, key string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// take counts the rows of every table, and what is left of every offering.
func take(ctx context.Context, db *bun.DB) (map[string]int, error) {
	names := "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	if db.Dialect().Name() == dialect.SQLite {
		names = "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	var tables []string
	if err := db.NewRaw(names).Scan(ctx, &tables); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	counts := map[string]int{}
	for _, table := range tables {
		var count int
		if err := db.NewRaw("SELECT count(*) FROM ?", bun.Ident(table)).Scan(ctx, &count); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		counts["rows of "+table] = count
	}
	var offered []struct {
		ID        string
		Available int
	}
	if err := db.NewRaw("SELECT id, available FROM offerings").Scan(ctx, &offered); err != nil {
		return nil, fmt.Errorf("read what is left of the offerings: %w", err)
	}
	for _, o := range offered {
		counts["offering "+o.ID] = o.Available
	}
	return counts, nil
}

// read adds the order's own rows. Those of two orders are the same but for the id and the key, which are left out, and the
// times, which are given from when the order was placed.
func (f *footprint) read(ctx context.Context, db *bun.DB, id string) error {
	var order []map[string]any
	if err := db.NewRaw("SELECT * FROM orders WHERE id = ?", id).Scan(ctx, &order); err != nil || len(order) != 1 {
		return errors.Join(err, fmt.Errorf("%d orders have the id %s", len(order), id))
	}
	var lines []map[string]any
	if err := db.NewRaw("SELECT * FROM order_lines WHERE order_id = ? ORDER BY number", id).Scan(ctx, &lines); err != nil {
		return err
	}
	placed, isTime := asTime(order[0]["placed_at"])
	if !isTime {
		return fmt.Errorf("the order was placed at %v, which is no time", order[0]["placed_at"])
	}
	own := map[string]bool{"id": true, "order_id": true, "idempotency_key": true}
	for table, rows := range map[string][]map[string]any{"orders": order, "order_lines": lines} {
		for _, row := range rows {
			var cells []string
			for _, column := range slices.Sorted(maps.Keys(row)) {
				value := row[column]
				if at, isTime := asTime(value); isTime {
					value = at.Sub(placed)
				}
				if !own[column] {
					cells = append(cells, fmt.Sprintf("%s=%v", column, value))
				}
			}
			f.rows[table] = append(f.rows[table], strings.Join(cells, " "))
		}
	}
	return nil
}

// asTime reads a time as a row has it: SQLite has none, and keeps texts.
func asTime(value any) (time.Time, bool) {
	text, isText := value.(string)
	if !isText {
		at, isTime := value.(time.Time)
		return at, isTime
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", text)
	return at, err == nil
}
