package telemetry

import (
	"bytes"
	"strings"
)

// sanitizeSQL replaces every literal in a statement by ?, so that no value of a customer gets into a trace. bun puts
// values into the text before it hands it out, so the text cannot be recorded as it is. It understands the quoting of
// SQLite and PostgreSQL: 'text', E'text', $tag$text$tag$, "names", comments, numbers and x'00'.
func sanitizeSQL(query string) string { return string(appendSanitized(nil, query)) }

// appendSanitized is sanitizeSQL into a buffer. However many values a list after IN has, and however many rows of values
// follow VALUES, one is shown, so that there are not as many texts as lengths.
func appendSanitized(out []byte, query string) []byte {
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case c == '\'':
			i = endOfString(query, i, precededByE(query, i))
			out = appendValue(out)
		case c == '"':
			end := endOfString(query, i, false)
			out = append(out, query[i:end]...)
			i = end
		case c == '$' && dollarTag(query[i:]) != "":
			tag := dollarTag(query[i:])
			i = after(query, i+len(tag), tag)
			out = appendValue(out)
		case strings.HasPrefix(query[i:], "--"):
			i = after(query, i, "\n")
			out = append(out, ' ')
		case strings.HasPrefix(query[i:], "/*"):
			i = after(query, i+2, "*/")
			out = append(out, ' ')
		case isDigit(c):
			i = endOfNumber(query, i)
			out = appendValue(out)
		case isWord(c):
			end := endOfWord(query, i)
			out = append(out, query[i:end]...)
			i = end
		case c == ')':
			out = appendRow(out)
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// appendValue shows a value, unless it follows another in a list after IN.
func appendValue(out []byte) []byte {
	const separator = ", "
	if bytes.HasSuffix(out, []byte("IN (?"+separator)) {
		return out[:len(out)-len(separator)]
	}
	return append(out, '?')
}

// appendRow ends a row of values, and takes it away if it is like the one before.
func appendRow(out []byte) []byte {
	out = append(out, ')')
	start := bytes.LastIndexByte(out, '(')
	if start < 0 {
		return out
	}
	before, row := out[:start], out[start:]
	before, follows := bytes.CutSuffix(before, []byte(", "))
	if follows && bytes.Count(row, []byte("?")) > 0 && bytes.HasSuffix(before, row) && len(bytes.Trim(row, "(?, )")) == 0 {
		return before
	}
	return out
}

// endOfString finds the end of a quoted string; a doubled quote is part of it, and a backslash escapes where it does.
func endOfString(query string, start int, backslash bool) int {
	quote := query[start]
	for i := start + 1; i < len(query); i++ {
		switch {
		case backslash && query[i] == '\\':
			i++
		case query[i] == quote && i+1 < len(query) && query[i+1] == quote:
			i++
		case query[i] == quote:
			return i + 1
		}
	}
	return len(query)
}

func precededByE(query string, i int) bool {
	return i > 0 && (query[i-1] == 'E' || query[i-1] == 'e') && (i == 1 || !isWord(query[i-2]))
}

// dollarTag returns the $tag$ that a dollar-quoted string starts with; empty when it is not one.
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		if s[i] == '$' {
			return s[:i+1]
		}
		if !isWord(s[i]) || (i == 1 && isDigit(s[i])) {
			return ""
		}
	}
	return ""
}

func after(query string, from int, mark string) int {
	if at := strings.Index(query[from:], mark); at >= 0 {
		return from + at + len(mark)
	}
	return len(query)
}

func endOfNumber(query string, i int) int {
	for i < len(query) && (isWord(query[i]) || query[i] == '.') {
		i++
	}
	return i
}

func endOfWord(query string, i int) int {
	for i < len(query) && isWord(query[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c >= 0x80
}
