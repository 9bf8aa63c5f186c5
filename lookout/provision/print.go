package provision

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"
)

// maxShown is how many fields of one object are listed; a panel saved in Grafana's editor can differ in hundreds.
const maxShown = 20

// maxValue is how much of a value is shown, in characters.
const maxValue = 60

// PrintPlan writes the report for a reader: what differs, field by field, and who edited what in Grafana.
func PrintPlan(out io.Writer, report Report) {
	fmt.Fprintf(out, "Grafana %s at %s\n\n", report.Version, report.Grafana)
	for _, step := range report.Steps {
		PrintStep(out, step)
	}
	for _, orphan := range report.Orphans {
		fmt.Fprintf(out, "? dashboard %q (%s) was put there by lookout and is no longer in the code; delete it in Grafana if nobody needs it\n",
			orphan.Title, orphan.UID)
	}
	fmt.Fprintf(out, "\n%s\n", report.Summary())
}

// PrintStep writes one step and its fields.
func PrintStep(out io.Writer, step Step) {
	signs := map[Action]string{
		Create: color.GreenString("+"), Update: color.YellowString("~"), Unchanged: "=", Keep: color.RedString("!"),
	}
	fmt.Fprintf(out, "%s %-9s %-11s %q (%s)", signs[step.Action], step.Outcome(), step.Kind, step.Title, step.UID)
	if step.Reason != "" {
		fmt.Fprintf(out, ": %s", step.Reason)
	}
	fmt.Fprintln(out)
	for _, save := range step.Saves {
		fmt.Fprintf(out, "    version %d saved by %s at %s", save.Version, orUnknown(save.By), save.At.Format(time.RFC3339))
		if save.Message != "" {
			fmt.Fprintf(out, ": %q", save.Message)
		}
		fmt.Fprintln(out)
	}
	if len(step.Edits) > 0 {
		fmt.Fprintln(out, "    edited in Grafana:")
		printChanges(out, step.Edits)
	}
	switch step.Action {
	case Keep:
		fmt.Fprintln(out, "    what --force would write:")
		printChanges(out, step.Changes)
		fmt.Fprintln(out, "    To keep the edit, make it in the code as well. To drop it, apply with --force.")
	case Update:
		if len(step.Edits) > 0 {
			fmt.Fprintln(out, "    overwritten with:")
		}
		printChanges(out, step.Changes)
	case Create, Unchanged:
	}
}

func printChanges(out io.Writer, changes []Change) {
	for i, c := range changes {
		if i == maxShown {
			fmt.Fprintf(out, "      … and %d fields more (--json lists all)\n", len(changes)-maxShown)
			return
		}
		switch {
		case c.From == nil:
			fmt.Fprintf(out, "      + %s: %s\n", c.Path, show(c.To))
		case c.To == nil:
			fmt.Fprintf(out, "      - %s: %s\n", c.Path, show(c.From))
		default:
			fmt.Fprintf(out, "      ~ %s: %s → %s\n", c.Path, show(c.From), show(c.To))
		}
	}
}

// show is a value as short JSON.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if runes := []rune(string(text)); len(runes) > maxValue {
		return string(runes[:maxValue-1]) + "…"
	}
	return string(text)
}

func orUnknown(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// Outcome is the step in one word: what was done, or what would be.
func (s Step) Outcome() string {
	if !s.Written {
		return string(s.Action)
	}
	return map[Action]string{Create: "created", Update: "updated"}[s.Action]
}

// Summary is the report in one line: "1 folder, 3 data sources, 1 dashboard: created 4, unchanged 1".
func (r Report) Summary() string {
	var kinds, verbs []string
	for _, kind := range []Kind{KindFolder, KindDataSource, KindDashboard} {
		if n := r.kindCount(kind); n > 0 {
			kinds = append(kinds, plural(n, string(kind)))
		}
	}
	for _, verb := range r.verbs() {
		n := 0
		for _, s := range r.Steps {
			if s.Outcome() == verb {
				n++
			}
		}
		verbs = append(verbs, fmt.Sprintf("%s %d", verb, n))
	}
	return strings.Join(kinds, ", ") + ": " + strings.Join(verbs, ", ")
}

func (r Report) kindCount(kind Kind) int {
	n := 0
	for _, s := range r.Steps {
		if s.Kind == kind {
			n++
		}
	}
	return n
}

// verbs are those that occur, in the order of the words below.
func (r Report) verbs() []string {
	order := []string{"created", "updated", "create", "update", "unchanged", "keep"}
	return slices.DeleteFunc(order, func(verb string) bool {
		return !slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Outcome() == verb })
	})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
