// Package nearest finds the name that a misspelt one was probably meant to be.
package nearest

import (
	"fmt"
	"strings"
)

// Name returns the candidate with the fewest edits to word. It reports false when none is near enough to be a likely
// misspelling: more than a third of the word's letters, and at least two, would have to change.
func Name(word string, candidates []string) (string, bool) {
	return Within(max(2, len([]rune(word))/3), word, candidates)
}

// Within returns the candidate with the fewest edits to word, if there are at most so many.
func Within(bound int, word string, candidates []string) (string, bool) {
	best, found := "", false
	for _, candidate := range candidates {
		if d := distance(word, candidate); d <= bound && d < max(len(word), 1) {
			if !found || d < distance(word, best) {
				best, found = candidate, true
			}
		}
	}
	return best, found
}

// Hint returns `did you mean "x"?` for the nearest candidate, or an empty string when none is near.
func Hint(word string, candidates []string) string {
	name, found := Name(word, candidates)
	if !found {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", name)
}

// Suggest returns `did you mean "x"?` for the nearest candidate, or all of them when none is near.
func Suggest(word string, candidates []string) string {
	if hint := Hint(word, candidates); hint != "" {
		return hint
	}
	return "known are " + strings.Join(candidates, ", ")
}

// distance is the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
