package catalogue

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Text writes a table for each part, for a terminal.
func (c Contract) Text(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	blank := ""
	head := func(columns ...string) {
		fmt.Fprint(table, blank+strings.Join(columns, "\t")+"\n")
		blank = "\n"
	}
	if c.Metrics != nil {
		head("METRIC", "TYPE", "LABELS", "WHAT IT IS")
		for _, m := range c.Metrics {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name, m.Type, strings.Join(m.LabelNames(), " "), m.Help)
		}
	}
	if c.Spans != nil {
		head("SPAN", "KIND", "ATTRIBUTES", "EVENTS", "WHAT IT IS")
		for _, s := range c.Spans {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Kind, strings.Join(names(s.Attributes()), " "), eventNames(s.Events), s.Help)
		}
	}
	if c.Lines != nil {
		head("LOG LINE", "LEVELS", "FIELDS", "WHAT IT IS")
		for _, l := range c.Lines {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Message, levels(l), strings.Join(names(l.Fields()), " "), l.Help)
		}
	}
	if c.Resource != nil {
		head("RESOURCE", "TYPE", "", "WHAT IT IS")
		for _, a := range c.Resource {
			fmt.Fprintf(table, "%s\t%s\t\t%s\n", a.Name, a.Type, a.Help)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the catalogue: %w", err)
	}
	return nil
}

func eventNames(events []catalogue.Event) string {
	list := make([]string, 0, len(events))
	for _, e := range events {
		list = append(list, e.Name)
	}
	return strings.Join(list, ", ")
}

func levels(l catalogue.Line) string {
	list := make([]string, 0, len(l.Levels))
	for _, level := range l.Levels {
		list = append(list, level.String())
	}
	return strings.Join(list, ", ")
}

func names(attributes []catalogue.Attribute) []string {
	list := make([]string, 0, len(attributes))
	for _, a := range attributes {
		list = append(list, a.Name)
	}
	return list
}
