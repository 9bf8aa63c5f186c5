package catalogue_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	printer "github.com/farmersmarket/platform/lookout/catalogue"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func TestEveryFormatNamesEveryMetricAndLabel(t *testing.T) {
	for name, format := range map[string]func(*strings.Builder) error{
		"text":     func(out *strings.Builder) error { return printer.Text(out, catalogue.Metrics()) },
		"JSON":     func(out *strings.Builder) error { return printer.JSON(out, catalogue.Metrics()) },
		"Markdown": func(out *strings.Builder) error { return printer.Markdown(out, catalogue.Metrics()) },
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, format(&out))
			for _, m := range catalogue.Metrics() {
				require.Contains(t, out.String(), m.Name)
				for _, label := range m.LabelNames() {
					require.Contains(t, out.String(), label)
				}
			}
		})
	}
}

func TestJSONNamesTheSeriesToQuery(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printer.JSON(&out, []catalogue.Metric{catalogue.HTTPServerRequestDuration}))
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

func TestMarkdownSaysWhatAnEmptyValueIs(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printer.Markdown(&out, []catalogue.Metric{catalogue.SpansProcessed}))
	require.Contains(t, out.String(), "| `error_type` | queue_full when the span was dropped; empty otherwise | empty, `queue_full` |")
}
