package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/recording"
	"github.com/farmersmarket/platform/lookout/upstream"
)

func newInventoryRefreshCommand() *cobra.Command {
	var repository repositoryFlag
	var options recording.Options
	var replace bool
	command := &cobra.Command{
		Use:   "refresh [JOB...]",
		Short: "Start the programs that run in the Docker stack only, and record them",
		Long: `Start the programs that run in the Docker stack only, and record them.

The real programs are started on free ports, built first where they are missing, given something to do, and
stopped. Without names, all are meant: ` + strings.Join(recording.Jobs(), ", ") + `.`,
		Example: `  lookout inventory refresh
  lookout inventory refresh redis --replace   after an upgrade`,
		RunE: func(command *cobra.Command, jobs []string) error {
			root, err := repository.find()
			if err != nil {
				return err
			}
			if len(jobs) == 0 {
				jobs = recording.Jobs()
			}
			starter := process.NewStarter()
			defer starter.Close()
			options.Root = root
			options.Builder = upstream.Builder{Root: root, BinDir: filepath.Join(root, ".bin"), Starter: starter}
			options.Announce = func(text string) { _, _ = fmt.Fprintln(command.OutOrStdout(), text) }
			for _, job := range jobs {
				program, err := recording.Record(command.Context(), job, options)
				if err != nil {
					return err
				}
				if err := saveInventory(command.OutOrStdout(), root, program, replace); err != nil {
					return err
				}
			}
			return nil
		},
	}
	repository.register(command.Flags())
	flags := command.Flags()
	flags.BoolVar(&replace, "replace", false, "forget what was recorded before")
	flags.StringVar(&options.PostgresURL, "postgres", cmp.Or(os.Getenv("TEST_POSTGRES_URL"), "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"),
		"PostgreSQL `URL` of a user that may create a database")
	flags.StringVar(&options.RedisURL, "redis", cmp.Or(os.Getenv("TEST_REDIS_URL"), "redis://127.0.0.1:6379"), "Redis `URL`")
	return command
}
