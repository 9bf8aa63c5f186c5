package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/stack"
)

func newLogsCommand() *cobra.Command {
	var dir string
	var follow bool
	var lines int
	command := &cobra.Command{
		Use:   "logs NAME",
		Short: "Show the log of one component",
		Long: `Show the log of one component, also after it or the whole stack has stopped.

The logs are files in .run/logs, at most 10 MiB per component.`,
		Example: `  lookout logs server -f
  lookout logs prometheus -n 200`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return stack.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, args []string) error {
			dir, err := stackDir(dir)
			if err != nil {
				return err
			}
			log := stack.Log{Dir: filepath.Join(dir, "logs"), Name: args[0]}
			if follow {
				return log.Follow(command.Context(), command.OutOrStdout(), lines)
			}
			return log.Print(command.OutOrStdout(), lines)
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "folder of the stack (default .run of the repository)")
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines until Ctrl-C")
	command.Flags().IntVarP(&lines, "lines", "n", 50, "how many of the last lines to begin with")
	return command
}
