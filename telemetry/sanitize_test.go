package telemetry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSanitizeSQLLeavesValuesOut(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"a text":                       {`SELECT * FROM "users" WHERE "email" = 'ann@example.org'`, `SELECT * FROM "users" WHERE "email" = ?`},
		"a text with a doubled quote":  {`SELECT 'it''s ours', b`, `SELECT ?, b`},
		"a number":                     {`SELECT a1 FROM t2 LIMIT 20 OFFSET 4.5e3`, `SELECT a1 FROM t2 LIMIT ? OFFSET ?`},
		"a name in quotes stays":       {`SELECT "it's", x`, `SELECT "it's", x`},
		"an escaped string":            {`SELECT E'a\'b', c`, `SELECT E?, c`},
		"a backslash is plain outside": {`SELECT 'a\', c`, `SELECT ?, c`},
		"a dollar-quoted text":         {`SELECT $tag$ secret $ $tag$, c`, `SELECT ?, c`},
		"bytes":                        {`INSERT INTO t VALUES (X'deadbeef', '\xdead')`, `INSERT INTO t VALUES (X?, ?)`},
		"comments":                     {"SELECT 1 -- password\n/* secret */ , x", "SELECT ?    , x"},
		"a list":                       {`SELECT a FROM t WHERE b IN (1, 'x', 3) AND c IN (4)`, `SELECT a FROM t WHERE b IN (?) AND c IN (?)`},
		"rows of values":               {`INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z') RETURNING a`, `INSERT INTO t VALUES (?, ?) RETURNING a`},
		"rows that are not alike":      {`VALUES (1, NULL), (2, 3), (4, 5), (6)`, `VALUES (?, NULL), (?, ?), (?)`},
		"calls that are alike stay":    {`SELECT f(1), f(1), (a), (a)`, `SELECT f(?), f(?), (a), (a)`},
		"a text that does not end":     {`SELECT 'secret`, `SELECT ?`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, sanitizeSQL(c.query))
		})
	}
}

func FuzzSanitizeSQLNeverShowsAQuotedValue(f *testing.F) {
	for _, value := range []string{"plain", "it's", `back\slash`, "$tag$", "--", "/*", `"`, "é"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		query := "SELECT a FROM t WHERE b = '" + strings.ReplaceAll(value, "'", "''") + "' AND c = d"
		require.Equal(t, "SELECT a FROM t WHERE b = ? AND c = d", sanitizeSQL(query))
		sanitizeSQL(value) // and whatever comes, it ends
	})
}
