package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold removes what a search or an order by name does not regard: case and accents. The databases cannot do it alike:
// SQLite's LIKE knows the case of ASCII only, and PostgreSQL's depends on the locale.
func fold(text string) string {
	withoutAccents := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return norm.NFC.String(cases.Fold().String(withoutAccents))
}
