// Command bench measures what the market is to reach: lists that stay flat as the catalogue grows, latency under half of
// the load that it can take, and what HTTP and telemetry cost. It compares side by side, in turns, so that whatever else
// the machine does befalls both sides; it prints tables, and judges nothing.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	var lists listing
	var traffic load
	var turns int
	var server string
	root := &cobra.Command{
		Use: "bench", Short: "Measure the market on SQLite and PostgreSQL", SilenceUsage: true, SilenceErrors: true,
		Long: "Measure the market on SQLite and PostgreSQL. Without a command, everything.\n" +
			"PostgreSQL is the one of TEST_POSTGRES_URL, where a database is created for each measurement, and dropped.",
		Args:             cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) { lists.server, traffic.server = server, server },
		RunE: func(command *cobra.Command, _ []string) error {
			return inOrder(command.Context(), ratios{turns: turns}.run, traffic.run, lists.run)
		},
	}
	flags := root.PersistentFlags()
	flags.IntVar(&lists.products, "products", 1_000_000, "products of the large catalogue; the small one has 1000")
	flags.IntVar(&lists.questions, "questions", 200, "questions asked for each way to look at the catalogue")
	flags.DurationVar(&traffic.length, "length", 4*time.Second, "how long traffic is driven at a time")
	flags.StringVar(&server, "server", ".bin/server", "the server that is measured")
	flags.IntVar(&turns, "turns", 20, "turns that each side of a ratio gets")
	for name, run := range map[string]func(context.Context) error{
		"listing": lists.run,
		"load":    traffic.run,
		"ratios":  func(ctx context.Context) error { return ratios{turns: turns}.run(ctx) },
	} {
		root.AddCommand(&cobra.Command{Use: name, Short: "Only the " + name, Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
			return run(command.Context())
		}})
	}
	return root
}

func inOrder(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say tells the progress, beside the tables.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
