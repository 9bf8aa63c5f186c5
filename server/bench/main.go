// Command bench measures what the market is to reach: lists that stay flat as the catalogue grows, latency under half of
// the load that it can take, and what HTTP and telemetry cost. It compares side by side, in turns, so that whatever else
// the machine does befalls both sides; it prints tables, and with --check it fails when an aim is missed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	missed, err := run(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(exitFailed)
	case len(missed) > 0:
		fmt.Fprintln(os.Stderr, "missed:", strings.Join(missed, "; "))
		os.Exit(exitMissed)
	}
}

// Exit statuses.
const (
	exitMissed = 1 // an aim, with --check
	exitFailed = 2
)

// run does what the command line says, and returns the aims that were missed, where it is to check them.
func run(ctx context.Context) (missed []string, err error) {
	var a aims
	check := false
	err = newCommand(&a, &check).ExecuteContext(ctx)
	if !check {
		return nil, err
	}
	return a.missed, err
}

func newCommand(a *aims, check *bool) *cobra.Command {
	var lists listing
	var traffic load
	var sides ratios
	var server string
	root := &cobra.Command{
		Use: "bench", Short: "Measure the market on SQLite and PostgreSQL", SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Long: "Measure the market on SQLite and PostgreSQL. Without a command, everything.\n" +
			"The server has all on as in production: every trace goes to a collector, which discards it, metrics have exemplars,\n" +
			"every request has its line in a log file, and requests are counted towards limits that are never reached.\n" +
			"PostgreSQL is the one of TEST_POSTGRES_URL, where a database is created for each measurement, and dropped.\n" +
			"Statuses: 0, or 1 when an aim was missed with --check, or 2 when something could not be measured.",
		Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			lists.server, traffic.server, sides.server = server, server, server
			if min(sides.turns, traffic.rounds, lists.questions, lists.products) < 1 || min(sides.length, traffic.length) <= 0 {
				return errors.New("nothing can be measured in no time, or by no turns, rounds, questions or products")
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			return inOrder(command.Context(), a, sides.run, traffic.run, lists.run)
		},
	}
	flags := root.PersistentFlags()
	flags.BoolVar(check, "check", false, "fail when an aim is missed")
	flags.IntVar(&lists.products, "products", 1_000_000, "products of the large catalogue; the small one has 1000")
	flags.IntVar(&lists.questions, "questions", 200, "questions asked for each way to look at the catalogue")
	flags.IntVar(&traffic.rounds, "rounds", 5, "times that traffic is driven; the median counts")
	flags.DurationVar(&traffic.length, "length", 4*time.Second, "how long traffic is driven at a time")
	flags.StringVar(&server, "server", ".bin/server", "the server that is measured")
	flags.IntVar(&sides.turns, "turns", 20, "turns that each side of a ratio gets; the median counts")
	flags.DurationVar(&sides.length, "turn", time.Second, "length of a turn")
	for _, part := range []struct {
		name, short string
		run         func(context.Context, *aims) error
	}{
		{"listing", "Lists of a small and of a large catalogue", lists.run},
		{"load", "Latency at half of the load that saturates the server", traffic.run},
		{"ratios", "Requests with HTTP and telemetry, against those without", sides.run},
	} {
		root.AddCommand(&cobra.Command{Use: part.name, Short: part.short, Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
			return part.run(command.Context(), a)
		}})
	}
	root.AddCommand(&cobra.Command{Use: bareHandlerCommand, Hidden: true, Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
		return serveBare(command.Context(), os.Stdin, os.Stdout)
	}})
	return root
}

func inOrder(ctx context.Context, a *aims, parts ...func(context.Context, *aims) error) error {
	for _, part := range parts {
		if err := part(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// say tells the progress, beside the tables.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
