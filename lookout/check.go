package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/check"
)

func newCheckCommand() *cobra.Command {
	var repository repositoryFlag
	var asJSON bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Find mistakes in the PromQL of SLOs, rules and dashboards",
		Long: `Find mistakes in the PromQL of SLOs, rules and dashboards, without a running Prometheus.

Every metric and label must be one of telemetry/catalogue, of the recording rules, or of telemetry/inventory, which
holds what other programs expose. Each check has a page in docs/checks:

  syntax                  it does not parse
  unknown-metric          nothing exposes or records the series
  unknown-label           the series, or what is aggregated or matched, has no such label
  unknown-value           the label never has that value
  rate-on-gauge           rate() and the like of a gauge
  counter-without-rate    a counter read as it is
  alert-template          an alert's text uses a label that its expression drops

Exit status: 1 when there are mistakes, 2 when the repository cannot be read.`,
		Example: `  lookout check
  lookout check --json | jq '.problems[].message'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			root, err := repository.find()
			if err != nil {
				return err
			}
			report, err := check.Run(root)
			if err != nil {
				return err
			}
			if err := printCheck(command.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if n := len(report.Problems); n > 0 {
				return failure{errors.New(plural(n, "mistake") + " found; docs/checks explains each check")}
			}
			return nil
		},
	}
	repository.register(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return command
}

func printCheck(out io.Writer, report check.Report, asJSON bool) error {
	if asJSON {
		return printJSON(out, report)
	}
	for _, p := range report.Problems {
		p.Print(out)
	}
	if len(report.Problems) == 0 {
		fmt.Fprintf(out, "%s checked, no mistakes\n", plural(report.Expressions, "expression"))
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
