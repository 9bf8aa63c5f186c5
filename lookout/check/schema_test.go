package check

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const repository = "../.."

// realSchema is that of the repository itself.
func realSchema(t *testing.T) Schema {
	t.Helper()
	sources, problems, err := readSources(repository)
	require.NoError(t, err)
	require.Empty(t, problems)
	schema, err := newSchema(repository, sources)
	require.NoError(t, err)
	return schema
}

// cases are expressions and the messages that a check has about them; the marked part of each is what the caret is under.
type cases map[string]struct {
	expr   string
	marked string // empty where nothing is wrong
	says   string
}

func (c cases) run(t *testing.T, check func(Schema, expression) []finding) {
	t.Helper()
	schema := realSchema(t)
	for sentence, tc := range c {
		t.Run(sentence, func(t *testing.T) {
			e := expression{text: tc.expr}.parse()
			require.NotNil(t, e.tree, e.syntax.message)
			found := check(schema, e)
			if tc.marked == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].message, tc.says)
			require.Equal(t, tc.marked, tc.expr[found[0].start:found[0].end])
		})
	}
}

func TestTheRepositoryHasNoMistakes(t *testing.T) {
	report, err := Run(repository)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.Greater(t, report.Expressions, 50)
}

func TestLabelsOfAResult(t *testing.T) {
	schema := realSchema(t)
	for sentence, c := range map[string]struct {
		expr string
		want []string
	}{
		"a target's series has the target's labels":    {"up", []string{"instance", "job"}},
		"a probe has the label of its list of targets": {"probe_success", []string{"instance", "job", "probe"}},
		"a bucket has le":                         {"rate(db_client_operation_duration_seconds_bucket[5m])", []string{"db_collection_name", "db_operation_name", "db_system_name", "error_type", "instance", "job", "le"}},
		"a quantile of buckets has not":           {"histogram_quantile(0.9, sum by (le, job) (rate(db_client_operation_duration_seconds_bucket[5m])))", []string{"job"}},
		"sum drops all":                           {"sum(up)", nil},
		"sum by keeps what is named":              {"sum by (job) (up)", []string{"job"}},
		"sum without drops what is named":         {"sum without (job) (up)", []string{"instance"}},
		"topk keeps all":                          {"topk(3, up)", []string{"instance", "job"}},
		"count_values adds one":                   {`count_values("build", up)`, []string{"build"}},
		"a recorded series has its rule's labels": {"slo:error_ratio:ratio_rate1h", []string{"service", "slo"}},
		"label_replace adds one":                  {`label_replace(up, "to", "$1", "job", "(.*)")`, []string{"instance", "job", "to"}},
		"absent has what is asked for":            {`absent(up{job="server", instance!="a"})`, []string{"job"}},
		"or has those of both sides":              {"sum by (job) (up) or sum by (instance) (up)", []string{"instance", "job"}},
		"and has those of the left side":          {"sum by (job) (up) and on () up", []string{"job"}},
		"on keeps what is matched on":             {"up / on (job) sum by (job) (up)", []string{"job"}},
		"ignoring drops what is ignored":          {"up / ignoring (instance) sum by (job) (up)", []string{"job"}},
		"group_left keeps the many side":          {"up * on (job) group_left () sum by (job) (up)", []string{"instance", "job"}},
		"a number keeps the vector's":             {"1 - sum by (job) (up)", []string{"job"}},
		"a number has none":                       {"1 + 1", nil},
		"a subquery keeps them":                   {"max_over_time(sum by (job) (up)[5m:1m])", []string{"job"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			e := expression{text: c.expr}.parse()
			require.NotNil(t, e.tree, e.syntax.message)
			got := schema.labelsOf(e.tree)
			require.False(t, got.open)
			require.Equal(t, c.want, slices.Clip(got.sorted()))
		})
	}
}

func TestWhatNobodyKnowsMayHaveAnyLabel(t *testing.T) {
	e := expression{text: "sum by (colour) (unheard_of)"}.parse()
	require.Empty(t, unknownLabel(realSchema(t), e), "the unknown metric is reported, not its labels too")
}
