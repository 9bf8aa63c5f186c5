package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/provision"
)

func newPlanCommand() *cobra.Command {
	var flags grafanaFlags
	var exitCode bool
	command := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change in Grafana, and what was edited there",
		Long: `Show what apply would change in Grafana, and what was edited there. Nothing is written.

Three states are compared field by field: what the last apply wrote, what Grafana holds now, and what the code
wants. What differs because somebody edited it in Grafana is shown as such, with who and when.

` + grafanaFlagsHelp + `

Exit status: 0 when the plan could be made. With --exit-code, as diff: 0 when Grafana holds what the code wants,
1 when anything differs. 2 on wrong use, or when Grafana cannot be reached or refuses.`,
		Example: `  GRAFANA_TOKEN=... lookout plan
  lookout plan --grafana-url https://grafana.example.org --token-file /run/secrets/grafana
  lookout plan --exit-code --json   fail a pipeline when Grafana has drifted from the code`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			grafana, err := flags.connect()
			if err != nil {
				return err
			}
			want, err := flags.want()
			if err != nil {
				return err
			}
			report, err := provision.Plan(command.Context(), grafana, want, provision.Options{})
			if err != nil {
				return err
			}
			if err := printReport(command.OutOrStdout(), report, flags.json); err != nil {
				return err
			}
			if exitCode && report.Differs() {
				return failure{errors.New("what Grafana holds differs from the code")}
			}
			return nil
		},
	}
	flags.register(command.Flags())
	command.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 when Grafana differs from the code")
	return command
}

func printReport(out io.Writer, report provision.Report, asJSON bool) error {
	if !asJSON {
		provision.PrintPlan(out, report)
		return nil
	}
	return printReportJSON(out, report)
}

func printReportJSON(out io.Writer, report provision.Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(struct {
		Summary string `json:"summary"`
		provision.Report
	}{report.Summary(), report}); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
