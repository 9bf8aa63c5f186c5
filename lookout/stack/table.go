package stack

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Terminal colours by state.
const (
	colourReset = "\x1b[0m"
	colourDim   = "\x1b[2m"
	colourBold  = "\x1b[1m"
	colourGood  = "\x1b[32m"
	colourBusy  = "\x1b[33m"
	colourBad   = "\x1b[31m"
)

// column is one column of the status table.
type column struct {
	title string
	least int  // width, so that the table keeps its shape while states change
	right bool // aligned
	text  func(c Component, now time.Time) string
}

func columns() []column {
	return []column{
		{title: "COMPONENT", text: func(c Component, _ time.Time) string { return c.Name }},
		{title: "VERSION", least: 8, text: func(c Component, _ time.Time) string { return c.Version }},
		{title: "STATE", least: 14, text: stateText},
		{title: "PID", least: 7, right: true, text: func(c Component, _ time.Time) string { return nonZero(c.PID, "%d") }},
		{title: "MEMORY", least: 8, right: true, text: func(c Component, _ time.Time) string { return memoryText(c.MemoryBytes) }},
		{title: "URL", least: 26, text: func(c Component, _ time.Time) string { return c.URL }},
		{title: "ENDPOINT", text: func(c Component, _ time.Time) string { return c.Endpoint }},
	}
}

// Table renders the components, one line each and the reason below those that are not ready, no line wider than width;
// a width of 0 sets no bound.
func Table(components []Component, now time.Time, width int, colour bool) []string {
	cols := columns()
	rows := make([][]string, 0, len(components)+2)
	rows = append(rows, make([]string, len(cols)))
	var total uint64
	for _, c := range components {
		total += c.MemoryBytes
		rows = append(rows, make([]string, len(cols)))
		for i, col := range cols {
			rows[len(rows)-1][i] = col.text(c, now)
		}
	}
	rows = append(rows, make([]string, len(cols)))
	for i, col := range cols {
		rows[0][i] = col.title
		switch col.title {
		case "COMPONENT":
			rows[len(rows)-1][i] = "total"
		case "MEMORY":
			rows[len(rows)-1][i] = memoryText(total)
		}
	}
	aligned := alignRows(cols, rows)
	lines := []string{paint(colourDim, clip(aligned[0], width), colour)}
	for r, c := range components {
		lines = append(lines, paintState(c, clip(aligned[r+1], width), stateText(c, now), colour))
		if c.Detail != "" {
			lines = append(lines, paint(colourDim, clip("  └ "+c.Detail, width), colour))
		}
	}
	return append(lines, paint(colourDim, clip(aligned[len(aligned)-1], width), colour))
}

func alignRows(cols []column, rows [][]string) []string {
	widths := make([]int, len(cols))
	for i, col := range cols {
		widths[i] = col.least
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		lines[r] = alignRow(cols, row, widths)
	}
	return lines
}

func alignRow(cols []column, cells []string, widths []int) string {
	var line strings.Builder
	for i, cell := range cells {
		gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if cols[i].right {
			line.WriteString(gap + cell + "  ")
		} else {
			line.WriteString(cell + gap + "  ")
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// stateText is the state, with how long it has lasted when a person waits for it to end.
func stateText(c Component, now time.Time) string {
	switch c.State {
	case Building, Starting, Restarting, Failed:
		text := fmt.Sprintf("%s %s", c.State, elapsed(now.Sub(c.Since)))
		if c.State == Restarting {
			text += fmt.Sprintf(" (%dx)", c.Restarts)
		}
		return text
	case Ready, Stopping, Stopped, Absent:
		if c.State == Ready && c.Restarts > 0 {
			return fmt.Sprintf("%s (restarted %dx)", c.State, c.Restarts)
		}
	}
	return string(c.State)
}

func stateColour(s State) string {
	switch s {
	case Ready:
		return colourGood
	case Building, Starting, Restarting, Stopping:
		return colourBusy
	case Failed:
		return colourBad
	case Stopped, Absent:
	}
	return colourDim
}

func paintState(c Component, line, state string, colour bool) string {
	if !colour {
		return line
	}
	return strings.Replace(line, state, paint(stateColour(c.State), state, true), 1)
}

func paint(code, text string, colour bool) string {
	if !colour || text == "" {
		return text
	}
	return code + text + colourReset
}

// clip cuts a line without escape sequences to a width in characters.
func clip(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(0, width-1)]) + "…"
}

func elapsed(d time.Duration) string {
	return max(0, d).Truncate(time.Second).String()
}

func memoryText(bytes uint64) string {
	if bytes == 0 {
		return ""
	}
	return mebibytes(bytes)
}

func mebibytes(bytes uint64) string {
	return fmt.Sprintf("%d MiB", bytes>>20)
}

func nonZero(n int, format string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}
