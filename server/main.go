// Command server is the Farmers Market API.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// Exit statuses.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // the command line or the configuration is wrong
)

// usageError is a mistake in the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	// A log that nobody reads any more must not end the program, as a broken pipe does by default.
	signal.Ignore(syscall.SIGPIPE)
	// SIGTERM is how every process manager asks for a stop.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "server:", redact.String(err.Error()))
	var usage usageError
	if errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "server",
		Short: "The Farmers Market API",
		Long: "The Farmers Market API. It is configured by environment variables; `server config` lists them.\n" +
			"Without a command it serves.",
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          withConfig(serve),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		&cobra.Command{
			Use: "serve", Short: "Serve the API until SIGTERM", Args: noArgs, RunE: withConfig(serve),
		},
		&cobra.Command{
			Use: "migrate", Short: "Bring the database's schema up to date", Args: noArgs, RunE: withConfig(migrate),
		},
		&cobra.Command{
			Use: "seed", Short: "Load the example catalogue, except in production; a second run changes nothing", Args: noArgs, RunE: withConfig(loadSeed),
		},
		&cobra.Command{
			Use: "config", Short: "Print the configuration in force, secrets masked", Args: noArgs, RunE: printConfig,
		},
		&cobra.Command{
			Use: "openapi", Short: "Print the API's OpenAPI 3.1 document", Args: noArgs, RunE: printOpenAPI,
		},
		newAdminCommand(),
	)
	return root
}

// noArgs refuses arguments, and with them unknown commands.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}

// withConfig reads the configuration before the command runs.
func withConfig(run func(context.Context, config.Config) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(os.Environ())
		if err != nil {
			return usageError{err}
		}
		return run(cmd.Context(), c)
	}
}

func printConfig(cmd *cobra.Command, _ []string) error {
	if err := config.Print(cmd.OutOrStdout(), os.Environ()); err != nil {
		return err
	}
	if _, err := config.Load(os.Environ()); err != nil {
		return usageError{err}
	}
	return nil
}

func printOpenAPI(cmd *cobra.Command, _ []string) error {
	document, err := api.OpenAPI()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), string(document))
	return err
}
