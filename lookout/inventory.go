package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/build"
	"github.com/farmersmarket/platform/telemetry/inventory"
)

// recordTimeout is how long a metrics page may take.
const recordTimeout = 10 * time.Second

func newInventoryCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "inventory",
		Short: "What the programs that are not ours expose, for lookout check to know",
		Args:  cobra.NoArgs, // else a misspelt subcommand prints the help and passes
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newInventoryRecordCommand(), newInventoryRefreshCommand())
	return command
}

func newInventoryRecordCommand() *cobra.Command {
	var repository repositoryFlag
	var replace bool
	command := &cobra.Command{
		Use:   "record JOB URL",
		Short: "Record the metrics and labels of a running program",
		Long: `Record the metrics and labels of a running program in telemetry/inventory/JOB.txt.

JOB is its scrape job in compose/prometheus/prometheus.yml. What was recorded before stays: many programs expose a
metric only once something has happened. With --replace only what is exposed now is kept.`,
		Example: `  lookout inventory record prometheus http://127.0.0.1:9090/metrics
  lookout inventory record jaeger http://127.0.0.1:8888/metrics --replace   after an upgrade`,
		Args: cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			root, err := repository.find()
			if err != nil {
				return err
			}
			program, err := inventory.Record(command.Context(), &http.Client{Timeout: recordTimeout}, args[0], args[1])
			if err != nil {
				return err
			}
			return saveInventory(command.OutOrStdout(), root, program, replace)
		},
	}
	repository.register(command.Flags())
	command.Flags().BoolVar(&replace, "replace", false, "forget what was recorded before")
	return command
}

// saveInventory writes what a program exposes into its file, with what was recorded before unless that is to be replaced.
func saveInventory(out io.Writer, root string, program inventory.Program, replace bool) error {
	path := filepath.Join(root, "telemetry", "inventory", program.Job+".txt")
	if !replace {
		var err error
		if program, err = mergeRecorded(program, path); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := program.Write(&text); err != nil {
		return err
	}
	if err := build.Replace(path, text.Bytes()); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "recorded %d metrics of %s in %s\n", len(program.Metrics), program.Job, path)
	return nil
}

func mergeRecorded(now inventory.Program, path string) (inventory.Program, error) {
	before, err := os.ReadFile(path) //nolint:gosec // a file of the repository that the user named
	if errors.Is(err, fs.ErrNotExist) {
		return now, nil
	}
	if err != nil {
		return inventory.Program{}, fmt.Errorf("read what was recorded before: %w", err)
	}
	recorded, err := inventory.Read(now.Job, bytes.NewReader(before))
	if err != nil {
		return inventory.Program{}, err
	}
	return now.Merge(recorded), nil
}
