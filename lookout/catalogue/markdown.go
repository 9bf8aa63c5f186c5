package catalogue

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Markdown writes a page of documentation.
func (c Contract) Markdown(out io.Writer) error {
	var page strings.Builder
	page.WriteString("# Telemetry\n\nEverything that the service emits, and what the probe (metrics `probe_`), the pager (`pager_`), the home page and `lookout up` (`lookout_`) emit. Generated from `telemetry/catalogue`; do not edit.\n")
	for _, part := range []func(*strings.Builder){c.metricsPage, c.spansPage, c.linesPage, c.resourcePage} {
		part(&page)
	}
	if _, err := io.WriteString(out, page.String()); err != nil {
		return fmt.Errorf("print the catalogue: %w", err)
	}
	return nil
}

func (c Contract) metricsPage(page *strings.Builder) {
	if c.Metrics == nil {
		return
	}
	page.WriteString("\n## Metrics\n\nOur programs can make no others. A series of a listed value exists from the start where one can wait for its first event. A value that is a failure has its category of errors behind it.\n")
	for _, m := range c.Metrics {
		fmt.Fprintf(page, "\n### %s\n\n%s\n\n%s, %s.%s\n", m.Name, m.Help, m.Type, m.Stability, unitSentence(m.Unit))
		if len(m.Labels) > 0 {
			page.WriteString("\n| label | what it is | values |\n|---|---|---|\n")
		}
		for _, l := range m.Labels {
			fmt.Fprintf(page, "| `%s` | %s | %s |\n", l.Name, l.Help, valuesOf(l))
		}
		if len(m.Buckets) > 0 {
			fmt.Fprintf(page, "\nBuckets: %s.\n", buckets(m.Buckets))
		}
	}
}

func (c Contract) spansPage(page *strings.Builder) {
	if c.Spans == nil {
		return
	}
	page.WriteString("\n## Spans\n\nIn a name, `{attribute}` stands for the value of the attribute.\n")
	for _, s := range c.Spans {
		fmt.Fprintf(page, "\n### `%s`\n\n%s%s\n\n%s, %s.\n\n| attribute | type | what it is | on |\n|---|---|---|---|\n",
			s.Name, s.Help, fallbackSentence(s.Fallback), s.Kind, s.Stability)
		attributeRows(page, s.Always, " | all |")
		attributeRows(page, s.Sometimes, " | some |")
		for _, e := range s.Events {
			fmt.Fprintf(page, "\nEvent `%s`: %s\n\n| attribute | type | what it is | on |\n|---|---|---|---|\n", e.Name, e.Help)
			attributeRows(page, e.Always, " | all |")
			attributeRows(page, e.Sometimes, " | some |")
		}
		if s.Links != "" {
			fmt.Fprintf(page, "\nLinks to %s.\n", s.Links)
		}
	}
}

func (c Contract) linesPage(page *strings.Builder) {
	if c.Lines == nil {
		return
	}
	page.WriteString("\n## Log lines\n\nBy message. Beside its own fields a line has these:\n")
	linesTable(page, catalogue.EveryLine())
	for _, l := range c.Lines {
		fmt.Fprintf(page, "\n### `%s`\n\n%s\n\n%s.\n", l.Message, l.Help, levels(l))
		linesTable(page, l)
	}
}

func linesTable(page *strings.Builder, l catalogue.Line) {
	if len(l.Fields()) == 0 {
		return
	}
	page.WriteString("\n| field | type | what it is | on |\n|---|---|---|---|\n")
	attributeRows(page, l.Always, " | all |")
	attributeRows(page, l.Sometimes, " | some |")
}

func (c Contract) resourcePage(page *strings.Builder) {
	if c.Resource == nil {
		return
	}
	page.WriteString("\n## Resource\n\nWhat says of all spans and exported log lines which process they come from.\n\n| attribute | type | what it is |\n|---|---|---|\n")
	attributeRows(page, c.Resource, " |")
}

func attributeRows(page *strings.Builder, attributes []catalogue.Attribute, end string) {
	for _, a := range attributes {
		help := a.Help
		if len(a.Values) > 0 {
			help += ": " + quoted(a.Values)
		}
		fmt.Fprintf(page, "| `%s` | %s | %s%s\n", a.Name, a.Type, help, end)
	}
}

func fallbackSentence(pattern string) string {
	if pattern == "" {
		return ""
	}
	return " Where the name lacks a value, it is `" + pattern + "`."
}

func unitSentence(unit string) string {
	if unit == "" {
		return ""
	}
	return " In " + unit + "."
}

func valuesOf(l catalogue.Label) string {
	if l.Bound != "" {
		return l.Bound
	}
	list := make([]string, 0, len(l.Values))
	for _, v := range l.Values {
		if category := l.ErrorTypes[v]; category != "" {
			list = append(list, quoted([]string{v})+" ("+category+")")
			continue
		}
		list = append(list, quoted([]string{v}))
	}
	return strings.Join(list, ", ")
}

func quoted(values []string) string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		if v == "" {
			list = append(list, "empty")
			continue
		}
		list = append(list, "`"+v+"`")
	}
	return strings.Join(list, ", ")
}

func buckets(bounds []float64) string {
	texts := make([]string, 0, len(bounds))
	for _, b := range bounds {
		texts = append(texts, strconv.FormatFloat(b, 'f', -1, 64))
	}
	return strings.Join(texts, ", ")
}
