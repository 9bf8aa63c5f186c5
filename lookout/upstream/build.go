package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farmersmarket/platform/lookout/gobuild"
	"github.com/farmersmarket/platform/lookout/process"
)

// Builder builds programs from their pinned modules.
type Builder struct {
	Root    string // of this repository, which holds the modules made for builds
	BinDir  string // where programs are put
	Starter *process.Starter
	Log     io.Writer // receives the Go tool's output; may be nil
}

// Ensure finds the program, or builds it if it is not found. A program appears in the folder only when it is whole, and
// two processes that build into one folder take turns. Before a build it calls building, which may be nil.
func (b Builder) Ensure(ctx context.Context, program Program, building func()) (Found, error) {
	found, err := Find(ctx, program, b.BinDir)
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	if building != nil {
		building()
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return Found{}, err
	}
	defer unlock()
	// Another process may have built it while this one waited.
	if found, err = Find(ctx, program, b.BinDir); !errors.Is(err, ErrNotFound) {
		return found, err
	}
	if err := b.build(ctx, program); err != nil {
		return Found{}, fmt.Errorf("build %s %s: %w", program.Name, program.Release, err)
	}
	return Find(ctx, program, b.BinDir)
}

func (b Builder) build(ctx context.Context, program Program) error {
	work := filepath.Join(b.BinDir, ".build")
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o750)); err != nil {
		return fmt.Errorf("prepare %s: %w", work, err)
	}
	defer func() { _ = os.RemoveAll(work) }() // the next build removes what stays
	job := gobuild.Job{TempDir: work, Starter: b.Starter, Log: b.Log, Yield: true}
	linker := fmt.Sprintf("-s -w -X %s=%s", program.stamp, program.Release)
	target := filepath.Join(work, program.Name)
	if program.module == "" {
		job.Dir = work
		job.Env = []string{"GOBIN=" + work}
		job.Args = []string{"install", "-tags", program.tags, "-ldflags", linker, program.Package + "@" + program.Version}
	} else {
		job.Dir = filepath.Join(b.Root, program.module)
		job.Args = []string{"build", "-o", target, "-ldflags", linker, program.Package}
	}
	if err := gobuild.Run(ctx, job); err != nil {
		return err
	}
	if err := os.Rename(target, filepath.Join(b.BinDir, program.Name)); err != nil {
		return fmt.Errorf("put the built program in place: %w", err)
	}
	return nil
}

// lock lets one process at a time build into the folder. The kernel releases it when the process ends.
func (b Builder) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(b.BinDir, 0o750); err != nil {
		return nil, fmt.Errorf("create the folder for built programs: %w", err)
	}
	path := filepath.Join(b.BinDir, ".lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the folder that was asked for
	if err != nil {
		return nil, fmt.Errorf("lock the folder for built programs: %w", err)
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("wait for another build into %s: %w", b.BinDir, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
