package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/farmersmarket/platform/internal/nearest"
)

// Options say what to run and where.
type Options struct {
	Root    string   // this repository
	Dir     string   // the stack's folder: state, data and logs
	Bin     string   // programs built from source
	Self    string   // this program, which is also the pager
	Server  string   // the API's program; built from ./server when empty
	Ports   Ports    // complete, from DefaultPorts
	Without []string // components to leave out
	NoBuild bool     // fail where something would have to be built
	Faults  bool     // let the server's admin port inject faults

	SamplingShare float64 // percent of the unremarkable traces that Jaeger keeps; 100 keeps every trace

	TrafficRate float64                              // requests per second; 0 for none
	Traffic     func(context.Context, Running) error // sends them from when the server is first ready until ctx is done
	Home        func(Running) (http.Handler, error)  // the home page
	Display     Display                              // shows what happens
	Hurry       <-chan struct{}                      // closed when everything shall be killed at once
}

// Running is the stack as its home page and its traffic see it.
type Running struct {
	Ports  Ports
	Status func() Status
	Log    *slog.Logger
}

// Display shows the stack to the person who started it. Its methods are called from many goroutines.
type Display interface {
	Notice(text string) // something that happened
	Show(Status)        // how things are; called at least once a second
}

const (
	folderMode = 0o750
	// leastFree is the free disk space below which no start is tried: the logs and databases of an hour.
	leastFree = 128 << 20
)

// prepare checks the options and makes all paths absolute, as programs run in folders of their own.
func (o *Options) prepare() error {
	for _, name := range o.Without {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("--without %s: there is no such component: %s", name, nearest.Suggest(name, Names()))
		}
	}
	for _, path := range []*string{&o.Root, &o.Dir, &o.Bin, &o.Self, &o.Server} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("resolve %s: %w", *path, err)
		}
		*path = absolute
	}
	for _, dir := range []string{o.Dir, o.Bin} {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return explainDisk(fmt.Errorf("create a folder of the stack: %w", err), dir)
		}
		if err := checkSpace(dir, leastFree); err != nil {
			return err
		}
	}
	return nil
}

func checkSpace(dir string, least uint64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("look for free space in %s: %w", dir, err)
	}
	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block size is positive
	if free < least {
		return fmt.Errorf("the disk is full: %s has %s free, and the stack needs %s to start. "+
			"Free some space, or put the stack elsewhere with --dir", dir, mebibytes(free), mebibytes(least))
	}
	return nil
}

// explainDisk adds the remedy to an error that a full disk has caused.
func explainDisk(err error, dir string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk is full: free some space where %s is, or put the stack elsewhere with --dir: %w", dir, err)
	}
	return err
}
