// Command generate writes docs/openapi.json and the SDKs that are made from it: `make sdk`. With --check it writes
// nothing, and fails when a committed file is not what it would write.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// Exit statuses.
const (
	exitStale = 1 // --check found a file that is not up to date
	exitUsage = 2 // a program is missing or failed
)

// errStale is what --check fails with.
var errStale = errors.New("run `make sdk` and commit what it writes")

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a committed file is stale")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *check)
	stop()
	switch {
	case errors.Is(err, errStale):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitStale)
	case err != nil:
		fmt.Fprintln(os.Stderr, "generate the SDKs:", err)
		os.Exit(exitUsage)
	}
}

// file is a generated one; its path is relative to the repository's root.
type file struct {
	path    string
	content []byte
}

func run(ctx context.Context, check bool) error {
	if _, err := os.Stat("go.mod"); err != nil {
		return errors.New("run it in the root of the repository")
	}
	work, err := os.MkdirTemp("", "sdk")
	if err != nil {
		return err
	}
	files, err := generate(ctx, work)
	if err := errors.Join(err, os.RemoveAll(work)); err != nil {
		return err
	}
	if check {
		return compare(files)
	}
	for _, f := range files {
		if err := write(f); err != nil {
			return err
		}
		fmt.Println("wrote", f.path)
	}
	return nil
}

// generate makes every file, in a work folder that the caller removes.
func generate(ctx context.Context, work string) ([]file, error) {
	document, err := readDocument(ctx)
	if err != nil {
		return nil, err
	}
	source := filepath.Join(work, "openapi.json")
	if err := os.WriteFile(source, document, 0o600); err != nil {
		return nil, err
	}
	files := []file{{path: "docs/openapi.json", content: document}}
	for _, generator := range []func(ctx context.Context, source, work string) (file, error){goClient, typeScript, postman} {
		f, err := generator(ctx, source, work)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func compare(files []file) error {
	var stale []string
	for _, f := range files {
		committed, err := os.ReadFile(f.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if !bytes.Equal(committed, f.content) {
			stale = append(stale, "  "+f.path)
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("not what the API's code would generate:\n%s\n%w", strings.Join(stale, "\n"), errStale)
	}
	return nil
}

// write replaces the file as a whole or not at all.
func write(f file) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	next := f.path + ".new"
	if err := os.WriteFile(next, f.content, 0o644); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}

// output runs a program and returns what it prints. When it fails, the error has what it complained of.
func output(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs are named in this package
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}
