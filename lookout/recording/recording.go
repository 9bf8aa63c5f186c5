// Package recording starts the programs that run in the Docker stack only, gives them something to do, and records what
// they expose: the Collector and the exporters, as the real programs, without Docker.
package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/farmersmarket/platform/internal/nearest"
	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/upstream"
	"github.com/farmersmarket/platform/telemetry/inventory"
)

const (
	// patience is how long a program may take to expose what is waited for: a collector decides on a trace after seconds.
	patience = time.Minute
	// pause is the time between two looks.
	pause = 200 * time.Millisecond
	// scrapeTimeout is how long a metrics page may take.
	scrapeTimeout = 10 * time.Second
)

// Options say where the programs come from and what they ask.
type Options struct {
	Root        string           // of this repository
	Builder     upstream.Builder // finds or builds the programs
	PostgresURL string           // a server on which a database may be created for the time of the recording
	RedisURL    string
	Announce    func(text string) // told when a build takes a while
}

// source is a scrape job whose program can be started here.
type source struct {
	program string   // of package upstream
	expect  []string // metrics that are there when all that happens has happened
	prepare func(context.Context, Options, *run) error
}

// run is one start of a program.
type run struct {
	args, env []string
	dir       string                          // of its own
	port      int                             // free, for its metrics
	provoke   func(ctx context.Context) error // makes something happen once it answers; may be nil
	cleanUp   func() error                    // may be nil
}

var sources = map[string]source{
	"collector": collector,
	"postgres":  postgres,
	"redis":     redis,
	"node":      node,
}

// Jobs returns the scrape jobs that can be recorded.
func Jobs() []string { return slices.Sorted(maps.Keys(sources)) }

// Record starts the program of the job, returns what it exposes, and stops it.
func Record(ctx context.Context, job string, options Options) (program inventory.Program, err error) {
	chosen, known := sources[job]
	if !known {
		return program, fmt.Errorf("%s cannot be started here: %s", job, nearest.Suggest(job, Jobs()))
	}
	wanted, err := upstream.Lookup(chosen.program)
	if err != nil {
		return program, err
	}
	found, err := options.Builder.Ensure(ctx, wanted, func() { options.Announce(job + ": " + wanted.Expectation()) })
	if err != nil {
		return program, err
	}
	r := &run{}
	if r.dir, err = os.MkdirTemp("", "recording-"); err != nil {
		return program, fmt.Errorf("record %s: %w", job, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	if r.port, err = freePort(ctx); err != nil {
		return program, err
	}
	if err := chosen.prepare(ctx, options, r); err != nil {
		return program, fmt.Errorf("record %s: %w", job, err)
	}
	if r.cleanUp != nil {
		defer func() { err = errors.Join(err, r.cleanUp()) }()
	}
	var said bytes.Buffer
	stop, err := r.start(ctx, found.Path, options.Builder.Starter, &said)
	if err != nil {
		return program, err
	}
	program, err = r.record(ctx, job, chosen.expect)
	stop()
	if err != nil {
		return program, fmt.Errorf("%w\n%s", err, said.String())
	}
	return program, nil
}

// start starts the program; stop ends it and waits, after which all that it said is in output.
func (r *run) start(ctx context.Context, path string, starter *process.Starter, output io.Writer) (stop func(), err error) {
	command := exec.CommandContext(ctx, path, r.args...) //nolint:gosec // a found or built program
	command.Dir = r.dir
	command.Env = append(os.Environ(), r.env...)
	command.Stdout, command.Stderr = output, output
	if err := starter.Start(command); err != nil {
		return nil, err
	}
	return func() {
		_ = process.SignalGroup(command.Process.Pid, syscall.SIGKILL) // it holds nothing that is needed
		_ = command.Wait()                                            // it was killed
	}, nil
}

// record waits until the program exposes what is expected. What was seen on the way stays.
func (r *run) record(ctx context.Context, job string, expect []string) (inventory.Program, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	url := "http://" + r.address() + "/metrics"
	client := &http.Client{Timeout: scrapeTimeout}
	provoked := r.provoke == nil
	seen := inventory.Program{Job: job}
	for {
		now, err := inventory.Record(ctx, client, job, url)
		if err == nil {
			seen = now.Merge(seen)
			if !provoked {
				provoked = true
				err = r.provoke(ctx)
			} else if err = seen.Lacks(expect); err == nil {
				return seen, nil
			}
		}
		select {
		case <-ctx.Done():
			return inventory.Program{}, fmt.Errorf("record %s: after %s: %w", job, patience, err)
		case <-time.After(pause):
		}
	}
}

func (r *run) address() string { return "127.0.0.1:" + strconv.Itoa(r.port) }

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err = errors.Join(err, listener.Close()); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return int(address.Port()), nil
}
