package main

import (
	"github.com/spf13/cobra"

	printer "github.com/farmersmarket/platform/lookout/catalogue"
)

func newCatalogueCommand() *cobra.Command {
	var asJSON, asMarkdown bool
	command := &cobra.Command{
		Use:   "catalogue [metrics|spans|logs|resource]",
		Short: "Print every metric, span and log line that our programs emit",
		Long: `Print what the service, the probe, the pager, the home page and lookout up emit: every metric with type, unit, labels and the values that they can have, every span with
its attributes and events, every log line with its fields, and the resource that all of it comes from. They can emit nothing else;
dashboards, alerts and SLOs may use nothing else. docs/telemetry.md is the same as a page.`,
		Example: `  lookout catalogue
  lookout catalogue spans
  lookout catalogue --json | jq -r '.metrics[].name'`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: printer.Parts(),
		RunE: func(command *cobra.Command, args []string) error {
			contract := printer.Whole()
			if len(args) > 0 {
				part, err := contract.Part(args[0])
				if err != nil {
					return err
				}
				contract = part
			}
			write := contract.Text
			switch {
			case asJSON:
				write = contract.JSON
			case asMarkdown:
				write = contract.Markdown
			}
			return write(command.OutOrStdout())
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.Flags().BoolVar(&asMarkdown, "markdown", false, "print Markdown")
	command.MarkFlagsMutuallyExclusive("json", "markdown")
	return command
}
