package telemetry

import (
	"strings"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// summarize names a statement in plain SQL: its command, and the first table that it reads or writes where one can be
// told. The name of a statement that has neither is OTHER.
func summarize(query string) (operation, collection string) {
	s := words{query: query}
	operation = strings.ToUpper(s.next())
	const longest = 16
	if operation == "" || len(operation) > longest || !isLetters(operation) {
		return catalogue.DBOtherOperation, ""
	}
	if operation == "WITH" {
		operation = s.command()
	}
	if operation == "SAVEPOINT" || operation == "RELEASE" || operation == rollback { // what follows is made up by the program
		return operation, ""
	}
	if operation == "UPDATE" || operation == "TRUNCATE" {
		if name := s.next(); !strings.EqualFold(name, "TABLE") {
			return operation, identifier(name)
		}
		return operation, identifier(s.next())
	}
	return operation, s.table()
}

// words reads the words of a statement, without those in literals, comments and deeper parentheses.
type words struct {
	query string
	at    int
	depth int
}

// next returns the next word, or quoted name, and empty at the end.
func (w *words) next() string {
	for w.at < len(w.query) {
		switch c, rest := w.query[w.at], w.query[w.at:]; {
		case c == '\'':
			w.at = endOfString(w.query, w.at, precededByE(w.query, w.at))
		case c == '"':
			end := endOfString(w.query, w.at, false)
			name := strings.Trim(w.query[w.at:end], `"`)
			w.at = end
			return name
		case c == '$' && dollarTag(rest) != "":
			w.at = after(w.query, w.at+len(dollarTag(rest)), dollarTag(rest))
		case strings.HasPrefix(rest, "--"):
			w.at = after(w.query, w.at, "\n")
		case strings.HasPrefix(rest, "/*"):
			w.at = after(w.query, w.at+2, "*/")
		case isWord(c):
			end := endOfNumber(w.query, w.at) // a name may have a schema before it
			word := w.query[w.at:end]
			w.at = end
			return word
		default:
			w.nest(c)
			w.at++
		}
	}
	return ""
}

func (w *words) nest(c byte) {
	switch c {
	case '(':
		w.depth++
	case ')':
		w.depth--
	}
}

// command returns the command that follows the WITH of a statement.
func (w *words) command() string {
	for word := w.next(); word != ""; word = w.next() {
		switch word = strings.ToUpper(word); word {
		case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE":
			if w.depth == 0 {
				return word
			}
		}
	}
	return catalogue.DBOtherOperation
}

// table returns the first table after FROM or INTO. A query that reads another one reads its table.
func (w *words) table() string {
	level := w.depth
	for word := w.next(); word != ""; word = w.next() {
		if w.depth != level || !strings.EqualFold(word, "FROM") && !strings.EqualFold(word, "INTO") {
			continue
		}
		name := w.next()
		if w.depth == level {
			return identifier(name)
		}
		level = w.depth
	}
	return ""
}

func isLetters(word string) bool {
	for i := range len(word) {
		if isDigit(word[i]) || word[i] == '_' || word[i] == '.' {
			return false
		}
	}
	return true
}
