package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/provision"
)

func newApplyCommand() *cobra.Command {
	var flags grafanaFlags
	var options provision.Options
	command := &cobra.Command{
		Use:   "apply",
		Short: "Put folder, data sources and dashboards into Grafana",
		Long: `Put folder, data sources and dashboards into Grafana.

Only what differs is written, so a second apply writes nothing. What was edited in Grafana since the last apply is
reported and kept, and so is an object with one of our names that lookout did not create; --force overwrites both.
Secrets of data sources are neither read nor changed. Ctrl-C stops between two writes; apply again to continue.

` + grafanaFlagsHelp + `

Exit status: 0 when Grafana holds what the code wants, 1 when something was kept as it is in Grafana, 2 on wrong
use, or when Grafana cannot be reached or refuses.`,
		Example: `  GRAFANA_TOKEN=... lookout apply
  lookout apply --message "Raise the p95 threshold" --annotate "v1.4.2"
  lookout apply --data-source-url prometheus=http://prometheus:9090 --data-source-url jaeger=http://jaeger:16686`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runApply(command, &flags, options) },
	}
	flags.register(command.Flags())
	command.Flags().BoolVar(&options.Force, "force", false, "overwrite edits made in Grafana, and take over objects that lookout did not create")
	command.Flags().StringVar(&options.Message, "message", "", "message stored with every dashboard version written")
	command.Flags().StringVar(&options.Annotate, "annotate", "", "also mark a deploy with this text on the dashboards")
	return command
}

func runApply(command *cobra.Command, flags *grafanaFlags, options provision.Options) error {
	grafana, err := flags.connect()
	if err != nil {
		return err
	}
	want, err := flags.want()
	if err != nil {
		return err
	}
	progress := command.ErrOrStderr()
	fmt.Fprintf(progress, "reading %s\n", grafana.URL())
	options.Progress = func(step provision.Step) { fmt.Fprintf(progress, "%s %q: %s\n", step.Kind, step.UID, step.Outcome()) }

	report, err := provision.Apply(command.Context(), grafana, want, options)
	if len(report.Steps) > 0 { // it came far enough to have something to tell
		err = errors.Join(err, printReport(command.OutOrStdout(), report, flags.json))
	}
	if err != nil {
		return err
	}
	if kept := report.Count(provision.Keep); kept > 0 {
		return failure{fmt.Errorf("%d of %d objects were kept as they are in Grafana; see above for why", kept, len(report.Steps))}
	}
	return nil
}
