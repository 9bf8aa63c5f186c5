package rum

import (
	"regexp"
	"strings"
	"unicode"
)

// What can be personal or secret in the text of an error. The SDK leaves it out before it sends; a report need not come
// from the SDK.
var (
	userinfo = regexp.MustCompile(`(://)[^/\s@]+@`)
	query    = regexp.MustCompile(`\?[\w%\[][^\s"'<>)]*`)
	fragment = regexp.MustCompile(`(://[^\s?#"'<>)]*)#[^\s"'<>)]*`)
	position = regexp.MustCompile(`(:\d+){1,2}$`) // line and column, behind the address in a frame of a stack
	email    = regexp.MustCompile(`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+`)
	longWord = regexp.MustCompile(`[A-Za-z0-9_.~+=-]{24,}`)
	number   = regexp.MustCompile(`\+?\d[\d ()./-]{5,}\d`)
)

// redactMessage leaves out of a message what looks personal or secret.
func redactMessage(text string) string {
	text = bearer.ReplaceAllString(redactStack(text), "$1 [secret]")
	text = longWord.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") { // a long name seldom has digits, a key always
			return "[secret]"
		}
		return word
	})
	return number.ReplaceAllString(text, "[number]")
}

// redactStack leaves out of a stack what looks personal. Its frames are full of long words and numbers that are neither.
func redactStack(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, text)
	text = userinfo.ReplaceAllString(text, "$1")
	text = query.ReplaceAllStringFunc(text, position.FindString)
	text = fragment.ReplaceAllString(text, "$1")
	return email.ReplaceAllString(text, "[email]")
}
