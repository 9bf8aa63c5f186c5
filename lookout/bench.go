package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/bench"
	"github.com/farmersmarket/platform/lookout/stack"
)

func newBenchCommand() *cobra.Command {
	var config bench.Config
	var noDrill, asJSON bool
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure start-up times, memory and detection time on this machine",
		Long: `Measure start-up times, memory and detection time on this machine.

A stack of its own is started and stopped several times, beside any that runs; the last one rests for a
while, its memory is read, and the outage drill is held on it. With --cold a fresh clone is built and
started from nothing, with Go modules downloaded and an empty build cache.

It prints what it finds next to what is aimed at, and judges nothing: a machine may be busy.`,
		Example: `  lookout bench
  lookout bench --runs 10 --no-drill
  lookout bench --cold --json > bench.json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if config.Runs < 1 {
				return fmt.Errorf("--runs %d: want at least 1", config.Runs)
			}
			var err error
			if config.Root, err = stack.FindRepository(); err != nil {
				return err
			}
			if config.Self, err = os.Executable(); err != nil {
				return fmt.Errorf("find the path of this program: %w", err)
			}
			config.Drill = !noDrill
			config.Say = func(format string, args ...any) {
				_, _ = fmt.Fprintf(command.ErrOrStderr(), format+"\n", args...)
			}
			result, err := bench.Run(command.Context(), config)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(result)
			}
			return result.Print(command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.IntVar(&config.Runs, "runs", 5, "`number` of warm starts")
	flags.DurationVar(&config.Idle, "idle", 30*time.Second, "how long the stack rests before its memory is read")
	// Below the ports that Linux hands out to connections (32768 and up), apart from those of .ci/e2e.
	flags.IntVar(&config.PortOffset, "port-offset", 12000, "`N` to add to every default port")
	flags.BoolVar(&config.Cold, "cold", false, "also measure a first start from nothing; takes minutes")
	flags.BoolVar(&noDrill, "no-drill", false, "leave the outage drill out")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}
