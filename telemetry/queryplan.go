package telemetry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// planTimeout bounds the wait for a plan, the wait for a connection included.
const planTimeout = 2 * time.Second

// explainable reports whether the plan of a statement can be had without running it. A second statement after a
// semicolon would be run.
func explainable(s slowStatement) bool {
	switch s.operation {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return s.shape.single
	}
	return false
}

// queryPlan returns how the database would run the statement, without running it, and with all values left out.
func queryPlan(ctx context.Context, db *sql.DB, system, query string) (string, error) {
	switch system {
	case "postgresql":
		return postgresPlan(ctx, db, query)
	case "sqlite":
		return sqlitePlan(ctx, db, query)
	}
	return "", fmt.Errorf("%s has no plans that we can read", system)
}

func postgresPlan(ctx context.Context, db *sql.DB, query string) (string, error) {
	// As text, a value with a line break in it would break the plan's lines, and could not be told from them.
	var text []byte
	if err := db.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+query).Scan(&text); err != nil {
		return "", fmt.Errorf("explain a statement: %w", err)
	}
	var plans []struct {
		Plan map[string]any
	}
	if err := json.Unmarshal(text, &plans); err != nil || len(plans) != 1 {
		return "", errors.Join(errors.New("read the plan of a statement"), err)
	}
	var out strings.Builder
	writePlan(&out, plans[0].Plan, 0)
	return strings.TrimSpace(out.String()), nil
}

// writePlan writes a node of a plan of PostgreSQL, and below it the nodes that it reads from.
func writePlan(out *strings.Builder, node map[string]any, depth int) {
	out.WriteString(strings.Repeat("  ", depth))
	text := func(key string) string {
		value, _ := node[key].(string)
		return sanitizeSQL(value)
	}
	number := func(key string) string {
		value, _ := node[key].(float64)
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	out.WriteString(text("Node Type"))
	if index := text("Index Name"); index != "" {
		out.WriteString(" using " + index)
	}
	if relation := text("Relation Name"); relation != "" {
		out.WriteString(" on " + relation)
	}
	fmt.Fprintf(out, " (cost %s to %s, %s rows)", number("Startup Cost"), number("Total Cost"), number("Plan Rows"))
	for _, key := range slices.Sorted(maps.Keys(node)) {
		if strings.HasSuffix(key, "Cond") || strings.HasSuffix(key, "Filter") || key == "Sort Key" || key == "Group Key" {
			fmt.Fprintf(out, ", %s: %s", strings.ToLower(key), sanitizeSQL(fmt.Sprint(node[key])))
		}
	}
	out.WriteByte('\n')
	inputs, _ := node["Plans"].([]any)
	for _, input := range inputs {
		if below, ok := input.(map[string]any); ok {
			writePlan(out, below, depth+1)
		}
	}
}

func sqlitePlan(ctx context.Context, db *sql.DB, query string) (plan string, err error) {
	found, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		return "", fmt.Errorf("explain a statement: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	depths := map[int64]int{}
	var lines []string
	for found.Next() {
		var id, parent, unused int64
		var detail string
		if err := found.Scan(&id, &parent, &unused, &detail); err != nil {
			return "", fmt.Errorf("read the plan of a statement: %w", err)
		}
		if above, below := depths[parent]; below {
			depths[id] = above + 1
		} else {
			depths[id] = 0
		}
		lines = append(lines, strings.Repeat("  ", depths[id])+sanitizeSQL(detail))
	}
	return strings.Join(lines, "\n"), found.Err()
}
