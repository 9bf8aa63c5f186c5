package main

import "fmt"

// aims are what figures must reach, and which of them did not.
type aims struct{ missed []string }

// atLeast judges a figure and returns its cell.
func (a *aims) atLeast(what string, figure, bound float64) string {
	return a.judge(what, fmt.Sprintf("%.2f (≥ %.2g)", figure, bound), figure >= bound)
}

// atMost judges a figure and returns its cell. unit is written behind it.
func (a *aims) atMost(what string, figure, bound float64, unit string) string {
	return a.judge(what, fmt.Sprintf("%.2f%s (≤ %g%[2]s)", figure, unit, bound), figure <= bound)
}

func (a *aims) judge(what, cell string, reached bool) string {
	if reached {
		return cell
	}
	a.missed = append(a.missed, what+" is "+cell)
	return cell + " MISSED"
}
