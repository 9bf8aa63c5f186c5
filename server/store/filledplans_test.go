package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// filled is how many rows of each kind the statements below make: enough that reading them all is not the cheapest plan.
const filled = 5000

// fillMarket copies what the bench has: accounts, days that are over, farms with a product each, offerings and orders. Every fiftieth
// offering is the open day's, every tenth order the buyer's. It then lets the database count what there is.
func (b *hotBench) fillMarket(t *testing.T) {
	t.Helper()
	b.placeOrder(t)
	const n, id, key = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT ",
		"'00000000-0000-0000-0000-' || substr(CAST(1000000000000 + i AS TEXT), 2)", "substr(CAST(100000 + i AS TEXT), 2)"
	const date = "CAST(2000 + i / 336 AS TEXT) || '-' || substr(CAST(101 + i % 336 / 28 AS TEXT), 2) || '-' || substr(CAST(101 + i % 28 AS TEXT), 2)"
	every := func(nth int, column string) string {
		return fmt.Sprintf("CASE WHEN i %% %d = 0 THEN %s ELSE %s END", nth, column, id)
	}
	copies := []struct {
		table, columns, values, from string
		args                         []any
	}{
		{
			"accounts", "id, email, name, role, password_hash, credentials_version, created_at, updated_at",
			id + ", " + key + ", name, role, password_hash, 1, created_at, updated_at", "accounts AS s WHERE s.id = ?",
			[]any{b.buyer.ID},
		},
		{
			"farms", "id, name, description, place, region, country, sort_name, search_text, created_at, updated_at, verified_at",
			id + ", name, description, place, region, country, 'm' || " + key + ", search_text, created_at, updated_at, verified_at",
			"farms AS s WHERE s.id = ?",
			[]any{b.Farms[0].ID},
		},
		{
			"products", "id, farm_id, name, description, category, unit_kind, unit_size, unit_label, price_amount, price_currency, season, " +
				"sort_name, search_text, created_at, updated_at",
			id + ", " + id + ", name, description, category, unit_kind, unit_size, unit_label, i, price_currency, season, 'm' || " + key +
				", search_text, created_at, updated_at",
			"products AS s WHERE s.id = ?",
			[]any{b.Offerings[0].ProductID},
		},
		{
			"market_days", "id, market_id, held_on, opens_at, closes_at, closed_at, created_at, updated_at",
			id + ", market_id, " + date + ", ?, opens_at, opens_at, created_at, updated_at", "market_days AS s WHERE s.id = ?",
			[]any{b.since, b.Day.ID},
		},
		{
			"offerings", "id, market_day_id, product_id, farm_id, price_amount, price_currency, quantity, available, sort_name, created_at, updated_at",
			id + ", " + every(50, "market_day_id") + ", " + id + ", " + id + ", price_amount, price_currency, 9, 9, 'm' || " + key + ", created_at, updated_at",
			"offerings AS s WHERE s.id = ?",
			[]any{b.Offerings[0].ID},
		},
		{
			"orders", "id, customer_id, market_day_id, slot_id, state, total_amount, total_currency, idempotency_key, request_hash, placed_at, " +
				"hold_expires_at, updated_at",
			id + ", " + every(10, "customer_id") + ", " + id + ", slot_id, 'collected', total_amount, total_currency, " + key + ", request_hash, placed_at, placed_at, placed_at",
			"orders AS s WHERE s.id = ?",
			[]any{b.order.ID},
		},
		{
			"order_lines", "order_id, number, offering_id, product_id, farm_id, farm_name, name, unit_label, price_amount, price_currency, " +
				"quantity, total_amount",
			id + ", 1, " + id + ", " + id + ", " + id + ", farm_name, name, unit_label, price_amount, price_currency, 1, price_amount",
			"order_lines AS s WHERE s.number = 1 AND s.order_id = ?",
			[]any{b.order.ID},
		},
		{
			"payments", "id, order_id, customer_id, amount, currency, method, state, client_secret, failure, refund_reason, idempotency_key, " +
				"request_hash, attempts, created_at, updated_at",
			id + ", " + id + ", " + id + ", total_amount, total_currency, '', 'succeeded', '', '', '', " + key + ", '', 0, placed_at, placed_at",
			"orders AS s WHERE s.id = ?",
			[]any{b.order.ID},
		},
	}
	for _, c := range copies {
		statement := "INSERT INTO " + c.table + " (" + c.columns + ") " + fmt.Sprintf(n, filled) + c.values + " FROM n CROSS JOIN " + c.from
		_, err := b.Store.DB().ExecContext(t.Context(), statement, c.args...)
		require.NoError(t, err, c.table)
	}
	_, err := b.Store.DB().ExecContext(t.Context(), "ANALYZE")
	require.NoError(t, err)
}

// TestTheHottestStatementsUseAnIndexOfFilledTables looks at the plans that the databases choose by themselves, knowing how much
// there is.
func TestTheHottestStatementsUseAnIndexOfFilledTables(t *testing.T) {
	uses := map[string]string{ // the index of the first statement
		"all products, on":                       `products_by_name`,
		"open market days":                       `market_days_(not_closed_by_date|to_close)`,
		"a market's open days":                   `market_days_(of_market_not_closed_by_date|not_closed_by_date|to_close)`,
		"the offerings of a day":                 `offerings_of_day_by_name`,
		"the offerings of a day, on":             `offerings_of_day_by_name`,
		"an order is read":                       `orders_pkey|sqlite_autoindex_orders_1`,
		"an order is found by its key":           `orders_by_key`,
		"a customer's orders":                    `orders_of_customer`,
		"an account is looked up for its token":  `accounts_pkey|sqlite_autoindex_accounts_1`,
		"an account is looked up by its address": `accounts_by_email`,
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		bench := newHotBench(t, s)
		bench.fillMarket(t)
		sent := &statements{}
		s.Observe(sent)
		for name, index := range uses {
			t.Run(name, func(t *testing.T) {
				sent.take()
				require.NoError(t, hotOperations[name].do(t.Context(), bench))
				queries := sent.take()
				require.NotEmpty(t, queries)
				require.Regexp(t, index, explain(t, s, queries[0]), queries[0])
				for _, query := range queries {
					// Rows that were found are put in order; a list is not.
					requireNoScan(t, s, query, !strings.Contains(query, "LIMIT"))
				}
			})
		}
	})
}
