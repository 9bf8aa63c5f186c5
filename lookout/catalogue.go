package main

import (
	"github.com/spf13/cobra"

	printer "github.com/farmersmarket/platform/lookout/catalogue"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func newCatalogueCommand() *cobra.Command {
	var asJSON, asMarkdown bool
	command := &cobra.Command{
		Use:   "catalogue",
		Short: "Print every metric that the service emits",
		Long: `Print every metric that the service emits, with type, unit, labels and the values that they can have. The service
can emit no other; dashboards, alerts and SLOs may use no other.`,
		Example: `  lookout catalogue
  lookout catalogue --json | jq -r '.metrics[].name'
  lookout catalogue --markdown > docs/telemetry.md`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			write := printer.Text
			switch {
			case asJSON:
				write = printer.JSON
			case asMarkdown:
				write = printer.Markdown
			}
			return write(command.OutOrStdout(), catalogue.Metrics())
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.Flags().BoolVar(&asMarkdown, "markdown", false, "print Markdown")
	command.MarkFlagsMutuallyExclusive("json", "markdown")
	return command
}
