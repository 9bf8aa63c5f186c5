package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/pager"
)

func newPagerCommand() *cobra.Command {
	var addr string
	var config pager.Config
	command := &cobra.Command{
		Use:   "pager",
		Short: "Receive pages from Alertmanager, keep them on disk and show them",
		Long: `Receive pages from Alertmanager, keep them on disk and show them.

The page inbox is at /, the notifications as JSON at /api/pages. Alertmanager sends to /webhook, and its Watchdog alert
to /watchdog: when that falls silent, the page says that alerts may not arrive.`,
		Example: `  lookout pager
  lookout pager --addr 127.0.0.1:9999 --dir /var/lib/pager
  curl -s 'localhost:8091/api/pages?status=firing'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config.Log = slog.New(slog.NewJSONHandler(command.ErrOrStderr(), nil))
			return runPager(command.Context(), addr, config)
		},
	}
	flags := command.Flags()
	flags.StringVar(&addr, "addr", "127.0.0.1:8091", "address to listen on")
	flags.StringVar(&config.Dir, "dir", ".run/pager", "folder for the notifications")
	flags.DurationVar(&config.SilentAfter, "silent-after", 5*time.Minute,
		"the alerting path counts as silent when the Watchdog was not heard for this long")
	flags.Int64Var(&config.MaxBytes, "max-bytes", 16<<20, "most that the notifications may take on disk; the oldest go first")
	return command
}

func runPager(ctx context.Context, addr string, config pager.Config) error {
	inbox, err := pager.New(config)
	if err != nil {
		return err
	}
	defer func() { _ = inbox.Close() }() // every notification is already flushed
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("pager: listen on %s (change it with --addr): %w", addr, err)
	}
	return inbox.Serve(ctx, listener)
}
