package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/farmersmarket/platform/lookout/stack"
)

func newStatusCommand() *cobra.Command {
	var dir string
	var asJSON bool
	var patience time.Duration
	command := &cobra.Command{
		Use:   "status",
		Short: "Show what runs: component, version, state, URL, pid and memory",
		Long: `Show what runs: component, version, state, URL, pid and memory.

The URL column holds only pages worth opening: Prometheus and Jaeger, when built from their Go modules,
have none. The endpoint is where programs reach the component.

Exit status: 0 when all components are ready, 1 when one is not or nothing runs.`,
		Example: `  lookout status
  lookout status --wait 2m && lookout drill api-outage
  lookout status --json | jq '.components[] | select(.state != "ready") | .name'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			dir, err := stackDir(dir)
			if err != nil {
				return err
			}
			status, err := waitForReady(command, dir, patience)
			if errors.Is(err, stack.ErrNotRunning) {
				return failure{err}
			}
			if err != nil {
				return err
			}
			if err := printStatus(command.OutOrStdout(), status, asJSON); err != nil {
				return err
			}
			if names := status.NotReady(); len(names) > 0 {
				return failure{fmt.Errorf("not ready: %s; see why with `lookout logs %s`", strings.Join(names, ", "), names[0])}
			}
			return nil
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "folder of the stack (default .run of the repository)")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.Flags().DurationVar(&patience, "wait", 0, "wait up to this long for all components to be ready")
	return command
}

// stackDir is the folder of the stack that a command is about.
func stackDir(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	root, err := stack.FindRepository()
	if err != nil {
		return "", fmt.Errorf("%w, or name the stack's folder with --dir", err)
	}
	return filepath.Join(root, defaultDir), nil
}

// waitForReady returns the status as soon as all components are ready, and in any case when the patience is over.
func waitForReady(command *cobra.Command, dir string, patience time.Duration) (stack.Status, error) {
	for deadline := time.Now().Add(patience); ; {
		status, err := stack.ReadStatus(dir)
		if (err == nil && len(status.NotReady()) == 0) || !time.Now().Before(deadline) {
			return status, err
		}
		select {
		case <-command.Context().Done():
			return stack.Status{}, command.Context().Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func printStatus(out io.Writer, status stack.Status, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(status); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		return nil
	}
	width, colour := 0, false
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		colour = colourful()
		if w, _, err := term.GetSize(int(file.Fd())); err == nil {
			width = w
		}
	}
	for _, line := range stack.Table(status.Components, time.Now(), width, colour) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
	}
	return nil
}
