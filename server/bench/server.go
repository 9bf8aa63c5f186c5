package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is the real one, as a process of its own.
type server struct {
	url     string
	command *exec.Cmd
	dir     string
}

// startServer starts the program on ports of its own, with traces, metrics and access log on.
func startServer(ctx context.Context, program, databaseURL string, settings ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "market-bench-server-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, command: exec.CommandContext(ctx, program)}
	s.command.Env = []string{
		"HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DATABASE_URL=" + databaseURL, "MIGRATE=off", "SEED=off", "OTLP_ENDPOINT=none",
		"RATE_LIMITS=off", "AUTH_KEY_FILE=" + filepath.Join(dir, "auth.key"), "IMAGES_URL=file://" + filepath.Join(dir, "images"),
	}
	s.command.Env = append(s.command.Env, settings...)
	logs, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s, which `make .bin/server` builds: %w", program, err)
	}
	s.url, err = awaitAddress(logs)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// awaitAddress reads the log until the server serves. The rest of it is thrown away as it comes.
func awaitAddress(logs io.Reader) (string, error) {
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		var line struct{ Msg, API string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			go func() { _, _ = io.Copy(io.Discard, logs) }() // it ends with the process
			return "http://" + line.API, nil
		}
	}
	return "", errors.New("the server ended before it served")
}

func (s *server) stop() error {
	const patience = 20 * time.Second
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.AfterFunc(patience, func() { _ = s.command.Process.Kill() })
	defer timer.Stop()
	return errors.Join(s.command.Wait(), os.RemoveAll(s.dir))
}
