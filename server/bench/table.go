package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// table prints a table in Markdown. Columns but the first are numbers.
func table(title string, header []string, rows [][]string) {
	fmt.Printf("\n%s\n\n| %s |\n|---|%s\n", title, strings.Join(header, " | "), strings.Repeat("---:|", len(header)-1))
	for _, row := range rows {
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
}

// quantile returns the time that the share q of the times is at most.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
