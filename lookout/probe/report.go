package probe

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// WriteTable prints a run for a person: each step with its time, and what went wrong.
func (r Result) WriteTable(out io.Writer) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tTIME\tRESULT")
	for _, step := range r.Steps {
		result := "ok"
		if step.Failure != "" {
			result = "failed: " + strings.Join(strings.Fields(step.Failure), " ")
		}
		fmt.Fprintf(table, "%s\t%.1f ms\t%s\n", step.Name, step.Seconds*1e3, result) //nolint:mnd // ms
	}
	_ = table.Flush()                                                                                                                   // into memory
	fmt.Fprintf(&text, "%d of %d steps in %.1f ms, trace %s\n", len(r.Steps), len(catalogue.ScriptedSteps()), r.Seconds*1e3, r.TraceID) //nolint:mnd // ms
	if r.Cleaned > 0 {
		fmt.Fprintf(&text, "Cancelled orders that were left open: %d.\n", r.Cleaned)
	}
	if r.LeftOver > 0 {
		fmt.Fprintf(&text, "Left open because they could not be cancelled: %d. A market manager can cancel them.\n", r.LeftOver)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("print the run: %w", err)
	}
	return nil
}
