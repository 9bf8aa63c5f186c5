package check

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAlertTemplate(t *testing.T) {
	schema := realSchema(t)
	for sentence, c := range map[string]struct{ expr, text, says string }{
		"a label that the expression keeps":  {"sum by (job) (up)", "{{ $labels.job }} is down", ""},
		"a label that the rule adds":         {"sum(up)", "{{ $labels.severity }}", ""},
		"a label that the expression drops":  {"sum by (job) (up)", "{{ $labels.instance }} is down", "annotation summary uses the label instance, which the expression drops: it keeps job, severity"},
		"a misspelt label":                   {"sum by (job) (up)", "{{ .Labels.jbo }}", `did you mean "job"?`},
		"a text without labels":              {"sum(up)", "{{ $value }}", ""},
		"a metric that nobody knows has any": {"unheard_of", "{{ $labels.anything }}", ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			e := expression{text: c.expr, rule: &rule{
				labels: map[string]string{"severity": "page"}, templates: []templated{{"annotation summary", c.text}},
			}}.parse()
			found := alertTemplate(schema, e)
			if c.says == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].message, c.says)
		})
	}
}
