package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestWhereAnExpressionIsInItsFile(t *testing.T) {
	for sentence, c := range map[string]struct {
		file string
		want position
	}{
		"plain":                               {"a:\n  expr: sum(HERE)\n", position{2, 13}},
		"in single quotes, one of them in it": {"a:\n  expr: '''x'' + HERE'\n", position{2, 18}},
		"in double quotes, with escapes":      {"a:\n  expr: \"\\\"\\u00e9\\n HERE\"\n", position{2, 21}},
		"in a block":                          {"a:\n  expr: |-\n    sum(x)\n      / HERE\n", position{4, 9}},
		"after a letter of two bytes":         {"a:\n  expr: é + HERE\n", position{2, 13}},
	} {
		t.Run(sentence, func(t *testing.T) {
			var document struct {
				A struct {
					Expr yaml.Node `yaml:"expr"`
				} `yaml:"a"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(c.file), &document))
			places := scalarPositions(strings.Split(c.file, "\n"), &document.A.Expr)
			require.Equal(t, c.want, places.at(strings.Index(document.A.Expr.Value, "HERE")))
		})
	}
}
