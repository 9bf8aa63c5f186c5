package market

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of texts, in characters. The schema has the same.
const (
	maxName        = 120
	maxDescription = 2000
	maxUnitLabel   = 40
)

// normalizeText returns a line of text in its composed form (NFC) without space around it. It fails with ErrInvalid when
// it has fewer than least or more than most characters, or one that cannot be shown.
func normalizeText(field, text string, least, most int) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", &InvalidError{Field: field, Rule: "be UTF-8 text without control characters", Value: strings.ToValidUTF8(text, "\uFFFD")}
	}
	text = norm.NFC.String(strings.TrimSpace(text))
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return "", &InvalidError{Field: field, Rule: fmt.Sprintf("have %d to %d characters", least, most), Value: text}
	}
	return text, nil
}
