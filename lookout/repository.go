package main

import (
	"github.com/spf13/pflag"

	"github.com/farmersmarket/platform/lookout/stack"
)

// repositoryFlag is the folder that a command works on: the repository around the working directory unless told otherwise.
type repositoryFlag struct{ root string }

func (f *repositoryFlag) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.root, "root", "", "root of the repository (default: the one around the working directory)")
}

func (f *repositoryFlag) find() (string, error) {
	if f.root != "" {
		return f.root, nil
	}
	return stack.FindRepository()
}
