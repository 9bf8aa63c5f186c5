package check

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGrafanaVariablesBecomePromQLOfTheSameLength(t *testing.T) {
	for sentence, text := range map[string]string{
		"a duration":             "rate(x[$__rate_interval])",
		"a duration in braces":   "rate(x[${__interval}])",
		"a variable in a string": `up{job=~"$job", instance=~"${instance:regex}"}`,
		"a quoted bracket":       `up{job="["} > $limit`,
		"a number":               "topk($k, up)",
		"an old-style variable":  `up{job="[[job]]"}`,
		"an offset":              "up offset $__interval",
	} {
		t.Run(sentence, func(t *testing.T) {
			require.Len(t, fillVariables(text), len(text))
			e := expression{text: text}.parse()
			if sentence != "an offset" { // which takes a duration outside brackets: Grafana's macros are for ranges
				require.NotNil(t, e.tree, "%s: %s", fillVariables(text), e.syntax.message)
			}
		})
	}
}

func TestNoTextBreaksTheParser(t *testing.T) {
	schema := realSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`(sum|rate|up|\$x|\$\{y\}|\[5m\]|[(){}\[\],=~"' ])*`),
		).Draw(t, "expression")
		e := expression{file: "a", text: text, positions: quotedPositions(`"`+text, 1, 1)}.parse()
		for _, p := range schema.problems(e) {
			if p.Line < 1 || p.Column < 1 || p.Length < 1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}
