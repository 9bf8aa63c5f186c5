// Lookout is the tool next to the market's API. It runs the API with its telemetry stack, checks and builds everything
// that observes it, and proves that a real outage reaches a pager.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses besides 0.
const (
	statusFailed      = 1   // what was checked or waited for failed
	statusEnvironment = 2   // wrong use, or the machine does not allow the work
	statusInterrupted = 130 // stopped by a signal, as shells report it
)

// failure marks an error as the verdict on what was checked; every other error counts as wrong use or environment.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := newRootCommand().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(os.Stderr, "lookout: interrupted")
		return statusInterrupted
	}
	_, _ = fmt.Fprintln(os.Stderr, "lookout: "+err.Error())
	if verdict := (failure{}); errors.As(err, &verdict) {
		return statusFailed
	}
	return statusEnvironment
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lookout",
		Short: "Run, check and prove the observability of the farmers' market",
		Long: `Lookout runs the market's API with its telemetry stack on one machine, and checks, builds and proves
everything that watches over it.

Exit status: 0 when all is well, 1 when what was checked failed, 2 on wrong use or when the machine
does not allow the work (a port in use, a missing compiler, a full disk).`,
		Example: `  lookout up                 start the API and its telemetry stack, and watch them
  lookout status             what runs, from another terminal
  lookout logs server -f     follow one component's log`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newUpCommand(),
		newStatusCommand(),
		newLogsCommand(),
		newToolsCommand(),
		newPagerCommand(),
		newHomeCommand(),
		newDrillCommand(),
		newProbeCommand(),
		newBuildCommand(),
		newCheckCommand(),
		newCatalogueCommand(),
		newInventoryCommand(),
		newPlanCommand(),
		newApplyCommand(),
		newBenchCommand(),
	)
	return root
}
