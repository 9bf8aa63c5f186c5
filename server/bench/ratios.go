package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// ratios runs the benchmarks of the API that compare two sides turn by turn.
type ratios struct{ turns int }

// compared are the benchmarks, and what their two sides are measured in.
var compared = []struct{ benchmark, what, own, bare, aim string }{
	{"BenchmarkCachedProducts", "cached list of products, against a bare Fiber handler", "service-req/s", "bare-req/s", "0.6"},
	{"BenchmarkPlacingAnOrder/sqlite", "order over HTTP, against the bare transaction, SQLite", "http-orders/s", "bare-orders/s", "0.7"},
	{"BenchmarkPlacingAnOrder/postgresql", "order over HTTP, against the bare transaction, PostgreSQL", "http-orders/s", "bare-orders/s", "0.7"},
}

func (r ratios) run(ctx context.Context) error {
	say("ratios: %d turns a side", r.turns)
	var output bytes.Buffer
	command := exec.CommandContext(ctx, "go", "test", "./server/api", "-run", "^$", "-bench", "CachedProducts|PlacingAnOrder", //nolint:gosec // a number
		"-benchtime", strconv.Itoa(r.turns)+"x")
	command.Stdout, command.Stderr = &output, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("run the benchmarks of the API: %w\n%s", err, output.String())
	}
	var rows [][]string
	for _, c := range compared {
		metrics := metricsOf(output.String(), c.benchmark)
		if metrics == nil {
			return fmt.Errorf("the benchmarks of the API did not report %s:\n%s", c.benchmark, output.String())
		}
		rows = append(rows, []string{
			c.what, fmt.Sprintf("%.0f/s", metrics[c.own]), fmt.Sprintf("%.0f/s", metrics[c.bare]), fmt.Sprintf("%.2f", metrics["ratio"]), c.aim,
		})
	}
	table("What HTTP and telemetry cost; the median of the turns", []string{"", "own", "bare", "ratio", "at least"}, rows)
	return nil
}

// metricsOf reads the line of a benchmark: its name, its turns, and pairs of a value and its unit.
func metricsOf(output, benchmark string) map[string]float64 {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != benchmark && !strings.HasPrefix(fields[0], benchmark+"-") {
			continue
		}
		metrics := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				metrics[fields[i+1]] = value
			}
		}
		return metrics
	}
	return nil
}
