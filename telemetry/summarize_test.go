package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStatementInPlainSQLIsNamedByItsCommandAndTable(t *testing.T) {
	for name, c := range map[string]struct{ query, operation, collection string }{
		"a query":                               {"select a from orders where b = 1", "SELECT", "orders"},
		"a query over lines, with a comment":    {"/* x */ SELECT a\n\tFROM\n\torders AS r", "SELECT", "orders"},
		"a quoted name":                         {`SELECT * FROM "orders"`, "SELECT", "orders"},
		"a schema":                              {"SELECT * FROM pg_catalog.pg_class", "SELECT", "pg_catalog.pg_class"},
		"a query in the columns":                {"SELECT (SELECT count(*) FROM lines), a FROM orders", "SELECT", "orders"},
		"a query of a query":                    {"SELECT count(*) FROM (SELECT id FROM payments GROUP BY id) AS d", "SELECT", "payments"},
		"a function that has FROM":              {"SELECT extract(year FROM placed_at) FROM orders", "SELECT", "orders"},
		"FROM in a value":                       {"SELECT 'FROM users' FROM orders", "SELECT", "orders"},
		"no table":                              {"SELECT pg_advisory_xact_lock(7)", "SELECT", ""},
		"a change":                              {"UPDATE offerings SET available = 1", "UPDATE", "offerings"},
		"an addition":                           {"INSERT INTO payments SELECT * FROM old", "INSERT", "payments"},
		"a deletion":                            {"DELETE FROM payments", "DELETE", "payments"},
		"a common table expression":             {"WITH x AS (SELECT 1 FROM a) DELETE FROM b USING x", "DELETE", "b"},
		"a command of a database":               {"PRAGMA foreign_keys", "PRAGMA", ""},
		"a savepoint, whose name is made up":    {"SAVEPOINT SP_5f3c", "SAVEPOINT", ""},
		"all rows":                              {"TRUNCATE TABLE lines", "TRUNCATE", "lines"},
		"nothing":                               {"", "OTHER", ""},
		"no SQL":                                {"9 lives", "OTHER", ""},
		"a name that is no identifier":          {"SELECT * FROM \"it's; odd\"", "SELECT", ""},
		"a name that does not end":              {`SELECT * FROM "orders`, "SELECT", "orders"},
		"more parentheses closed than opened":   {"SELECT ))) FROM x", "SELECT", ""},
		"a command longer than any":             {"SELECTSELECTSELECTSELECT 1", "OTHER", ""},
		"a comment in front of which no one is": {"-- all there is", "OTHER", ""},
	} {
		t.Run(name, func(t *testing.T) {
			operation, collection := summarize(c.query)
			require.Equal(t, c.operation, operation)
			require.Equal(t, c.collection, collection)
		})
	}
}

func FuzzSummarizeGivesANameToEverything(f *testing.F) {
	for _, query := range []string{"SELECT 1", "WITH (", "$$", `"`, "--", "/*", "UPDATE", "\xff"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		operation, collection := summarize(query)
		require.NotEmpty(t, operation)
		require.LessOrEqual(t, len(collection), 63)
	})
}
