package check

import (
	"regexp"
	"strings"
)

// variable matches Grafana's variables: $name, ${name}, ${name:format} and [[name]].
var variable = regexp.MustCompile(`\$\{[^}]+\}|\$[a-zA-Z_]\w*|\[\[\w+\]\]`)

// hasVariable tells whether Grafana fills in a part of the text.
func hasVariable(text string) bool { return variable.MatchString(text) }

// fillVariables puts values of the same length in place of Grafana's variables, so that what is left is PromQL. Inside quotes
// a variable is as good as any text and stays.
func fillVariables(text string) string {
	quoted, brackets, done := byte(0), 0, 0
	var filled strings.Builder
	for _, place := range variable.FindAllStringIndex(text, -1) {
		for _, b := range []byte(text[done:place[0]]) {
			switch {
			case quoted != 0:
				if b == quoted {
					quoted = 0
				}
			case b == '"' || b == '\'' || b == '`':
				quoted = b
			case b == '[':
				brackets++
			case b == ']':
				brackets--
			}
		}
		filled.WriteString(text[done:place[0]])
		filled.WriteString(stand(text[place[0]:place[1]], quoted != 0, brackets > 0))
		done = place[1]
	}
	return filled.String() + text[done:]
}

// stand is a value of the same length: a duration in brackets, a number elsewhere.
func stand(name string, quoted, inBrackets bool) string {
	switch {
	case quoted:
		return name
	case inBrackets:
		return strings.Repeat("0", len(name)-2) + "5m"
	default:
		return strings.Repeat("0", len(name)-1) + "1"
	}
}
