package rum

import (
	"regexp"
	"strings"
	"unicode"
)

// What an error says is cut down to what is about the page. The SDK does it before it sends; a report need not come from
// the SDK. Credentials, tokens and e-mail addresses are taken out of all lines and spans by the telemetry itself.
var (
	query    = regexp.MustCompile(`\?[\w%\[][^\s"'<>)]*`)
	fragment = regexp.MustCompile(`(://[^\s?#"'<>)]*)#[^\s"'<>)]*`)
	position = regexp.MustCompile(`(:\d+){1,2}$`) // line and column, behind the address in a frame of a stack
	number   = regexp.MustCompile(`\+?\d[\d ()./-]{5,}\d`)
)

// redactMessage leaves long numbers out of a message: of a telephone, an account, an order.
func redactMessage(text string) string {
	return number.ReplaceAllString(redactStack(text), "[number]")
}

// redactStack leaves out the queries and fragments of addresses. Frames are full of numbers that are nobody's.
func redactStack(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, text)
	text = query.ReplaceAllStringFunc(text, position.FindString)
	return fragment.ReplaceAllString(text, "$1")
}
