package bench

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"text/tabwriter"
)

// Targets of the embedded mode on two cores.
const (
	targetWarmReady = 5.0       // seconds
	targetColdAPI   = 3 * 60.0  // seconds
	targetColdReady = 10 * 60.0 // seconds
	targetMemory    = 400 << 20 // bytes
	targetPaged     = 90.0      // seconds
)

// Print writes the result as a table: what, how much, and what is aimed at.
func (r Result) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, measured, target string) { _, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", what, measured, target) }
	row("MEASURED on "+fmt.Sprintf("%d cores", runtime.NumCPU()), "VALUE", "TARGET")
	row("warm start, API answers", spread(r.WarmAPI), "")
	row("warm start, all ready", spread(r.WarmReady), atMost(targetWarmReady))
	row("stop, nothing left", spread(r.Stop), "")
	var total uint64
	for _, name := range slices.Sorted(maps.Keys(r.MemoryBytes)) {
		total += r.MemoryBytes[name]
		row("  memory of "+name, megabytes(r.MemoryBytes[name]), "")
	}
	row("idle memory of everything", megabytes(total), "at most "+megabytes(targetMemory))
	if d := r.Detection; d != nil {
		row("total outage, page at the pager", seconds(d.Paged), atMost(targetPaged))
		row("  latest by computation", seconds(d.Latest), "")
		row("  page resolved at the pager", seconds(d.Resolved), "")
	}
	if c := r.Cold; c != nil {
		row("cold start, API answers", seconds(c.API), atMost(targetColdAPI))
		row("cold start, all ready", seconds(c.Ready), atMost(targetColdReady))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print what was measured: %w", err)
	}
	return nil
}

// spread writes the median, and the smallest and largest of several.
func spread(values []float64) string {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return "none"
	}
	median := sorted[len(sorted)/2]
	if len(sorted) == 1 {
		return seconds(median)
	}
	return fmt.Sprintf("%s (%.2f to %.2f, %d runs)", seconds(median), sorted[0], sorted[len(sorted)-1], len(sorted))
}

func seconds(s float64) string { return fmt.Sprintf("%.2f s", s) }

func megabytes(b uint64) string { return fmt.Sprintf("%.0f MB", float64(b)/(1<<20)) }

func atMost(limit float64) string { return fmt.Sprintf("at most %g s", limit) }
