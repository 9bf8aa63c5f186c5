package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stateFile = "up.json"
	lockFile  = "up.lock"
)

// Status is the stack at one moment: the file up.json in its folder, and the JSON that `lookout status --json` prints.
type Status struct {
	PID               int         `json:"pid"` // of lookout itself
	Started           time.Time   `json:"started"`
	ReadyAfterSeconds float64     `json:"ready_after_seconds,omitempty"` // from start until all were ready for the first time
	Traffic           float64     `json:"traffic"`                       // requests per second of built-in shoppers
	Ports             Ports       `json:"ports"`
	Components        []Component `json:"components"` // lookout itself first
}

// ErrNotRunning says that no stack runs in a folder.
var ErrNotRunning = errors.New("nothing is running")

// ReadStatus returns the status of the stack that runs with dir as its folder, with the memory it has now; ErrNotRunning
// when none does.
func ReadStatus(dir string) (Status, error) {
	running, err := isLocked(filepath.Join(dir, lockFile))
	if err != nil {
		return Status{}, err
	}
	if !running {
		return Status{}, fmt.Errorf("%w in %s: start the stack with `make run` or `lookout up`", ErrNotRunning, dir)
	}
	raw, err := os.ReadFile(filepath.Join(dir, stateFile)) //nolint:gosec // the folder that was asked for
	if errors.Is(err, os.ErrNotExist) {
		return Status{}, fmt.Errorf("%w yet in %s: the stack is just starting", ErrNotRunning, dir)
	}
	if err != nil {
		return Status{}, fmt.Errorf("read the state of the stack: %w", err)
	}
	var status Status
	if err := json.Unmarshal(raw, &status); err != nil {
		return Status{}, fmt.Errorf("read the state of the stack from %s: %w", filepath.Join(dir, stateFile), err)
	}
	status.Components = measured(status.Components)
	return status, nil
}

// NotReady returns the names of the components that are neither ready nor absent.
func (s Status) NotReady() []string {
	var names []string
	for _, c := range s.Components {
		if c.State != Ready && c.State != Absent {
			names = append(names, c.Name)
		}
	}
	return names
}

// stopping says whether the stack as a whole is on its way down, or down.
func (s Status) stopping() bool {
	return len(s.Components) > 0 && (s.Components[0].State == Stopping || s.Components[0].State == Stopped)
}

func (s Status) stopped() bool {
	return len(s.Components) > 0 && s.Components[0].State == Stopped
}

// write puts the status on disk, whole or not at all.
func (s Status) write(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the state of the stack: %w", err)
	}
	return writeFile(filepath.Join(dir, stateFile), append(raw, '\n'))
}

// writeFile replaces a file by way of a temporary one beside it, so that nobody reads half of it.
func writeFile(path string, content []byte) error {
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// lock makes this process the only one that runs a stack in the folder. The kernel releases the lock when the process
// ends, by whatever cause.
func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the folder that was asked for
	if err != nil {
		return nil, fmt.Errorf("lock the folder of the stack: %w", err)
	}
	// Somebody who only asks whether a stack runs holds the lock for an instant.
	for range 10 {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return file, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = file.Close()
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	who := ""
	if status, statusErr := ReadStatus(dir); statusErr == nil {
		who = fmt.Sprintf(" (pid %d, home page %s)", status.PID, status.Ports.Link(PortHome))
	}
	return nil, fmt.Errorf("a stack already runs in %s%s: see it with `lookout status`, stop it with Ctrl-C in its "+
		"terminal, or start another with --dir and --port-offset", dir, who)
}

// isLocked says whether a process holds the lock.
func isLocked(path string) (bool, error) {
	file, err := os.Open(path) //nolint:gosec // the folder that was asked for
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether a stack runs: %w", err)
	}
	defer func() { _ = file.Close() }()
	// A shared lock suffices to ask, so that two who ask do not see each other.
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether a stack runs: %w", err)
	}
	return false, nil
}
