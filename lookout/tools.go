package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/stack"
	"github.com/farmersmarket/platform/lookout/upstream"
)

func newToolsCommand() *cobra.Command {
	var install, verbose bool
	command := &cobra.Command{
		Use:   "tools [NAME...]",
		Short: "Show where the upstream programs are, or build those that are missing",
		Long: `Show where the upstream programs are, or build those that are missing.

A program on PATH serves when it is at least the pinned release. Otherwise --install builds it from its
pinned Go module into .bin/ of the repository. Without names, all programs are meant.

Exit status: 1 when a program is missing and was not to be installed.`,
		Example: `  lookout tools
  lookout tools --install promtool amtool`,
		RunE: func(command *cobra.Command, names []string) error {
			programs, err := chosenPrograms(names)
			if err != nil {
				return err
			}
			root, err := stack.FindRepository()
			if err != nil {
				return err
			}
			builder := upstream.Builder{Root: root, BinDir: filepath.Join(root, ".bin")}
			if verbose {
				builder.Log = command.ErrOrStderr()
			}
			if install {
				return installTools(command.Context(), command.OutOrStdout(), builder, programs)
			}
			return showTools(command.Context(), command.OutOrStdout(), builder.BinDir, programs)
		},
	}
	command.Flags().BoolVar(&install, "install", false, "build the programs that are missing")
	command.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the Go tool's output")
	return command
}

func chosenPrograms(names []string) ([]upstream.Program, error) {
	if len(names) == 0 {
		return upstream.Programs(), nil
	}
	programs := make([]upstream.Program, 0, len(names))
	for _, name := range names {
		program, err := upstream.Lookup(name)
		if err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

func showTools(ctx context.Context, out io.Writer, binDir string, programs []upstream.Program) error {
	missing := 0
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "PROGRAM\tRELEASE\tPATH")
	for _, program := range programs {
		found, err := upstream.Find(ctx, program, binDir)
		switch {
		case errors.Is(err, upstream.ErrNotFound):
			missing++
			_, _ = fmt.Fprintf(table, "%s\t-\tmissing; %s or later is needed\n", program.Name, program.Release)
		case err != nil:
			return err
		default:
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", program.Name, found.Release, found.Path)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if missing > 0 {
		return failure{fmt.Errorf("%d of %d programs are missing: build them with `lookout tools --install`", missing, len(programs))}
	}
	return nil
}

func installTools(ctx context.Context, out io.Writer, builder upstream.Builder, programs []upstream.Program) error {
	builder.Starter = process.NewStarter()
	defer builder.Starter.Close()
	for _, program := range programs {
		start, built := time.Now(), false
		found, err := builder.Ensure(ctx, program, func() {
			built = true
			_, _ = fmt.Fprintf(out, "%s: %s\n", program.Name, program.Expectation())
		})
		if err != nil {
			return err
		}
		if built {
			_, _ = fmt.Fprintf(out, "%s: built in %s\n", program.Name, time.Since(start).Round(time.Second))
		}
		_, _ = fmt.Fprintf(out, "%s: %s at %s\n", program.Name, found.Release, found.Path)
	}
	return nil
}
