package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/build"
)

// diffLines is how much of each stale file's difference is shown.
const diffLines = 20

func newBuildCommand() *cobra.Command {
	var repository repositoryFlag
	var links string
	var check, asJSON bool
	command := &cobra.Command{
		Use:   "build",
		Short: "Write the rules, routing and dashboards that are generated from code",
		Long: `Write the files that are generated from code and committed:

  compose/prometheus/rules/      recording rules and alerts, from slo/ and alerts/
  compose/alertmanager/          routing and receivers, from alerts/
  dashboards/json/               dashboards, from dashboards/
  docs/telemetry.md              all that the service emits, from telemetry/catalogue/

A second build changes nothing. With --check nothing is written: the exit status is 1 when a committed file is not
what would be generated, and the difference is shown.`,
		Example: `  lookout build
  lookout build --check                                  in a pipeline: is what is committed up to date?
  lookout build --links https://lookout.example.org      where the links in alerts lead`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			root, err := repository.find()
			if err != nil {
				return err
			}
			files, err := build.Generate(root, strings.TrimRight(links, "/"))
			if err != nil {
				return err
			}
			if check {
				drifts, err := build.Check(root, files)
				if err != nil {
					return err
				}
				return reportDrifts(command.OutOrStdout(), drifts, asJSON)
			}
			changed, err := build.Write(root, files)
			if err != nil {
				return err
			}
			return reportChanges(command.OutOrStdout(), changed, len(files), asJSON)
		},
	}
	flags := command.Flags()
	repository.register(flags)
	flags.StringVar(&links, "links", dashboards.DefaultLinks, "where links to runbooks and dashboards start")
	flags.BoolVar(&check, "check", false, "write nothing; exit with 1 when a generated file is stale")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return command
}

func reportDrifts(out io.Writer, drifts []build.Drift, asJSON bool) error {
	switch {
	case asJSON:
		if err := printJSON(out, map[string]any{"stale": append([]build.Drift{}, drifts...)}); err != nil {
			return err
		}
	case len(drifts) == 0:
		fmt.Fprintln(out, "generated files are up to date")
	default:
		for _, d := range drifts {
			fmt.Fprintf(out, "%s is stale:\n%s\n\n", d.Path, d.Short(diffLines))
		}
	}
	if len(drifts) > 0 {
		return failure{fmt.Errorf("stale generated files: %d; run `lookout build` and commit the result", len(drifts))}
	}
	return nil
}

func reportChanges(out io.Writer, changed []string, total int, asJSON bool) error {
	if asJSON {
		return printJSON(out, map[string]any{"written": append([]string{}, changed...), "total": total})
	}
	for _, path := range changed {
		fmt.Fprintln(out, "wrote "+path)
	}
	if len(changed) == 0 {
		fmt.Fprintf(out, "%d generated files are up to date\n", total)
	}
	return nil
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
