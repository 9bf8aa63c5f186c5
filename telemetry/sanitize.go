package telemetry

import "strings"

// sanitizeSQL replaces every literal in a statement by ?, so that no value of a customer gets into a trace. bun puts
// values into the text before it hands it out, so the text cannot be recorded as it is. It understands the quoting of
// SQLite and PostgreSQL: 'text', E'text', $tag$text$tag$, "names", comments, numbers and x'00'.
func sanitizeSQL(query string) string {
	var out strings.Builder
	out.Grow(len(query))
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case c == '\'':
			i = endOfString(query, i, precededByE(query, i))
			out.WriteByte('?')
		case c == '"':
			end := endOfString(query, i, false)
			out.WriteString(query[i:end])
			i = end
		case c == '$' && dollarTag(query[i:]) != "":
			tag := dollarTag(query[i:])
			i = after(query, i+len(tag), tag)
			out.WriteByte('?')
		case strings.HasPrefix(query[i:], "--"):
			i = after(query, i, "\n")
			out.WriteByte(' ')
		case strings.HasPrefix(query[i:], "/*"):
			i = after(query, i+2, "*/")
			out.WriteByte(' ')
		case isDigit(c):
			i = endOfNumber(query, i)
			out.WriteByte('?')
		case isWord(c):
			end := endOfWord(query, i)
			out.WriteString(query[i:end])
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
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
