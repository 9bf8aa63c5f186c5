package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is the real one, as a process of its own.
type server struct {
	url     string // of the API
	admin   string
	log     string // path of the file
	command *exec.Cmd
	ended   chan error
	dir     string
}

// unreached is a limit that is counted towards and never reached.
const unreached = "1000000000/1m"

// startServer starts the program on ports of its own, with all on as in production: every trace goes to the collector,
// every request has its line in a log file, metrics have exemplars, and requests are counted towards limits.
func startServer(ctx context.Context, program, databaseURL string, to *collector, settings ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "market-bench-server-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, log: filepath.Join(dir, "server.log"), command: exec.CommandContext(ctx, program), ended: make(chan error, 1)}
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.WaitDelay = stopPatience
	s.command.Env = []string{
		"ENVIRONMENT=staging", "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DATABASE_URL=" + databaseURL, "MIGRATE=off", "SEED=off",
		"OTLP_ENDPOINT=" + to.address, "TRACE_SAMPLE_RATIO=1", "ACCESS_LOG_RATIO=1", "RATE_LIMITS=on", "RATE_LIMIT_EXEMPT=",
		"RATE_LIMIT_AUTH=" + unreached, "RATE_LIMIT_READS=" + unreached, "RATE_LIMIT_WRITES=" + unreached,
		"AUTH_KEY_FILE=" + filepath.Join(dir, "auth.key"), "IMAGES_URL=file://" + filepath.Join(dir, "images"),
	}
	s.command.Env = append(s.command.Env, settings...)
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s, which `make .bin/server` builds: %w", program, err), os.RemoveAll(dir))
	}
	if err := s.awaitAddress(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stopPatience is how long the server may take to stop.
const stopPatience = 20 * time.Second

func (s *server) start() error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	s.command.Stdout, s.command.Stderr = log, log
	if err := s.command.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.command.Wait() }()
	return nil
}

// awaitAddress reads the log until the server serves.
func (s *server) awaitAddress(ctx context.Context) error {
	const interval = 20 * time.Millisecond
	for {
		text, err := os.ReadFile(s.log)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			var said struct{ Msg, API, Admin string }
			if json.Unmarshal(line, &said) == nil && said.Msg == "serving" {
				s.url, s.admin = "http://"+said.API, "http://"+said.Admin
				return nil
			}
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("the server ended before it served; it said:\n%s", text)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}

// address is where to connect to for the API.
func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// stop ends the server and deletes what it has written.
func (s *server) stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.AfterFunc(stopPatience, func() { _ = s.command.Process.Kill() })
	defer timer.Stop()
	err := <-s.ended
	if errors.Is(err, context.Canceled) { // it was told to, and has
		err = nil
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
