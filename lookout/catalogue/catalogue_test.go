package catalogue_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	printer "github.com/farmersmarket/platform/lookout/catalogue"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func TestEveryFormatNamesAllThatIsDeclared(t *testing.T) {
	for name, format := range map[string]func(printer.Contract, io.Writer) error{
		"text": printer.Contract.Text, "JSON": printer.Contract.JSON, "Markdown": printer.Contract.Markdown,
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, format(printer.Whole(), &out))
			for _, m := range catalogue.All().Metrics {
				require.Contains(t, out.String(), m.Name)
				for _, label := range m.LabelNames() {
					require.Contains(t, out.String(), label)
				}
			}
			for _, s := range catalogue.All().Spans {
				require.Contains(t, out.String(), s.Name)
				for _, a := range s.Attributes() {
					require.Contains(t, out.String(), a.Name)
				}
				for _, e := range s.Events {
					require.Contains(t, out.String(), e.Name)
				}
			}
			for _, l := range catalogue.All().Lines {
				require.Contains(t, out.String(), l.Message)
				for _, f := range l.Fields() {
					require.Contains(t, out.String(), f.Name)
				}
			}
			for _, a := range catalogue.All().Resource {
				require.Contains(t, out.String(), a.Name)
			}
		})
	}
}

func TestAPartIsPrintedAlone(t *testing.T) {
	sections := map[string]string{"metrics": "METRIC", "spans": "SPAN", "logs": "LOG LINE", "resource": "RESOURCE"}
	for _, name := range printer.Parts() {
		t.Run(name, func(t *testing.T) {
			part, err := printer.Whole().Part(name)
			require.NoError(t, err)
			var out strings.Builder
			require.NoError(t, part.Text(&out))
			for other, head := range sections {
				require.Equal(t, other == name, strings.Contains(out.String(), head+"  "), "%s in %s", head, out.String())
			}
		})
	}
	_, err := printer.Whole().Part("traces")
	require.EqualError(t, err, `the catalogue has no part "traces": it has metrics, spans, logs, resource`)
}

func TestJSONNamesTheSeriesToQuery(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printer.Contract{Metrics: []catalogue.Metric{catalogue.HTTPServerRequestDuration}}.JSON(&out))
	var document struct {
		Metrics []struct {
			Series  []string
			Buckets []float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out.String()), &document))
	require.Equal(t, catalogue.HTTPServerRequestDuration.Series(), document.Metrics[0].Series)
	require.Equal(t, catalogue.HTTPServerRequestDuration.Buckets, document.Metrics[0].Buckets)
}

func TestAValueThatIsAFailureHasACategoryOfErrors(t *testing.T) {
	found := 0
	for _, m := range catalogue.Market().Metrics {
		for _, label := range m.Labels {
			for value, category := range label.ErrorTypes {
				found++
				require.Contains(t, label.Values, value, "%s of %s", label.Name, m.Name)
				require.Contains(t, catalogue.ErrorType.Values[1:], category, "%s of %s", label.Name, m.Name)
			}
		}
	}
	require.Positive(t, found)

	calls := printer.Contract{Metrics: []catalogue.Metric{catalogue.PaymentCallDuration}}
	var page, document strings.Builder
	require.NoError(t, calls.Markdown(&page))
	require.Contains(t, page.String(), "`ok`, `declined` (validation), ")
	require.NoError(t, calls.JSON(&document))
	require.Contains(t, document.String(), `"declined": "validation"`)
}

func TestMarkdownSaysWhatAnEmptyValueIs(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printer.Contract{Metrics: []catalogue.Metric{catalogue.SpansProcessed}}.Markdown(&out))
	require.Contains(t, out.String(), "| `error_type` | queue_full when the span was dropped; empty otherwise | empty, `queue_full` |")
}
