package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farmersmarket/platform/lookout/process"
	"github.com/farmersmarket/platform/lookout/upstream"
)

const (
	startInterval  = 100 * time.Millisecond // between health checks until a program is ready
	steadyInterval = 2 * time.Second        // between health checks afterwards
	healthTimeout  = 2 * time.Second        // of one health check
	// unhealthyAfter is how many health checks in a row must fail for a ready program to be shown as failed.
	unhealthyAfter  = 3
	defaultPatience = time.Minute
	defaultGrace    = 8 * time.Second
)

// errAbsent is returned by a program's find when an optional program is not installed.
var errAbsent = errors.New("not installed")

// errKilled is how a program ends that gets SIGKILL: from a person, or from a kernel without memory.
var errKilled = errors.New("was killed by SIGKILL")

// program is what the supervisor must know of a program.
type program struct {
	name     string
	endpoint string   // where programs reach it
	ports    []string // names of the ports it listens on
	health   string   // URL that answers 2xx when the program is ready
	page     string   // URL of its pages for people, shown when there really are any; may be empty
	find     func(context.Context, report) (upstream.Found, error)
	args     func(path string) []string
	env      []string      // added to the environment
	dir      string        // working directory
	patience time.Duration // from start to ready, until it is reported; a minute when 0
	grace    time.Duration // from SIGTERM to SIGKILL; 8 s when 0
	onReady  func() error  // each time it becomes ready; may be nil
}

// report shows what find is doing.
type report func(State, string)

// supervisor keeps one program running.
type supervisor struct {
	program
	board   *board
	starter *process.Starter
	log     *logFile
	notify  func(string)    // tells the person at the terminal
	fatal   func(error)     // reports what makes the stack as a whole impossible
	hurry   <-chan struct{} // closed when programs shall be killed at once
	client  *http.Client

	cancel context.CancelFunc
	done   chan struct{}
}

// start begins to supervise; stop ends it.
func (s *supervisor) start(ctx context.Context) {
	if s.patience == 0 {
		s.patience = defaultPatience
	}
	if s.grace == 0 {
		s.grace = defaultGrace
	}
	ctx, cancel := context.WithCancel(ctx)
	s.cancel, s.done = cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		defer s.log.close()
		s.supervise(ctx)
	}()
}

// stop ends the program and waits until it and its children are gone.
func (s *supervisor) stop() {
	s.cancel()
	<-s.done
}

func (s *supervisor) supervise(ctx context.Context) {
	found, err := s.find(ctx, func(state State, detail string) {
		s.board.update(s.name, func(c *Component) { c.State, c.Detail = state, detail })
	})
	switch {
	case errors.Is(err, errAbsent):
		s.board.update(s.name, func(c *Component) { c.State, c.Detail = Absent, err.Error() })
		return
	case err != nil && ctx.Err() == nil:
		s.board.update(s.name, func(c *Component) { c.State, c.Detail = Failed, strings.Join(strings.Fields(err.Error()), " ") })
		s.fatal(fmt.Errorf("%s: %w", s.name, err))
		return
	}
	s.board.update(s.name, func(c *Component) { c.Version = found.Release })
	var delays backoff
	for ctx.Err() == nil {
		started := time.Now()
		err := s.runOnce(ctx, found.Path)
		if ctx.Err() != nil {
			break
		}
		s.restartLater(ctx, err, time.Since(started), &delays)
	}
	s.board.update(s.name, func(c *Component) { c.State, c.PID = Stopped, 0 })
}

// restartLater shows the crash and waits until the program may be started again.
func (s *supervisor) restartLater(ctx context.Context, crash error, ran time.Duration, delays *backoff) {
	delay := delays.after(ran)
	what := fmt.Sprintf("%v after %s", crash, ran.Round(100*time.Millisecond))
	// What is killed has no last words: its last line is about something else.
	if last := s.log.last(); last != "" && !errors.Is(crash, errKilled) {
		what += ": " + last
	}
	s.notify(fmt.Sprintf("%s: %s", s.name, what))
	s.board.update(s.name, func(c *Component) {
		c.State, c.PID, c.Detail = Restarting, 0, fmt.Sprintf("in %s; %s", delay, what)
		c.Restarts++
	})
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	}
}

// runOnce starts the program and returns when it has ended: with why it ended by itself, or nil when ctx was done.
func (s *supervisor) runOnce(ctx context.Context, path string) error {
	cmd := exec.Command(path, s.args(path)...) //nolint:gosec,noctx // a program of the stack; ctx ends its whole group below
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.WaitDelay = time.Second // a grandchild may hold the output open
	if err := s.starter.Start(cmd); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	s.board.update(s.name, func(c *Component) { c.State, c.PID = Starting, pid })
	ended := make(chan struct{})
	var exit error
	go func() {
		defer close(ended)
		exit = cmd.Wait()
		_ = process.SignalGroup(pid, syscall.SIGKILL) // what the program left behind in its group
	}()
	stopWatching := s.startWatching(ctx)
	select {
	case <-ended:
		stopWatching()
		return exitReason(exit)
	case <-ctx.Done():
		stopWatching()
		return s.end(pid, ended)
	}
}

// startWatching watches the health until the returned function is called, which returns when no change can follow.
func (s *supervisor) startWatching(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watchHealth(ctx) })
	return func() {
		cancel()
		watcher.Wait()
	}
}

// end stops a running program: politely first, and with force after its grace, or at once in a hurry.
func (s *supervisor) end(pid int, ended <-chan struct{}) error {
	s.board.update(s.name, func(c *Component) { c.State = Stopping })
	if err := process.SignalGroup(pid, syscall.SIGTERM); err != nil {
		return err
	}
	grace := time.NewTimer(s.grace)
	defer grace.Stop()
	select {
	case <-ended:
		return nil
	case <-grace.C:
		s.notify(fmt.Sprintf("%s: did not stop within %s and was killed", s.name, s.grace))
	case <-s.hurry:
	}
	err := process.SignalGroup(pid, syscall.SIGKILL)
	<-ended
	return err
}

// watchHealth shows whether the running program is ready, until ctx is done.
func (s *supervisor) watchHealth(ctx context.Context) {
	start, failures, ready, reported := time.Now(), 0, false, false
	for {
		err := s.check(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil && !ready:
			ready, failures, reported = true, 0, false
			s.becomeReady(ctx)
		case err == nil:
			failures = 0
		case ready:
			failures++
			if failures >= unhealthyAfter {
				ready = false
				s.showUnhealthy(fmt.Sprintf("no longer ready: %v", err))
			}
		case !reported && failures == 0 && time.Since(start) > s.patience:
			reported = true
			s.showUnhealthy(fmt.Sprintf("not ready after %s: %v", s.patience, err))
			s.notify(s.name + ": the end of its log:\n    " + strings.Join(s.log.lastLines(), "\n    "))
		}
		interval := startInterval
		if ready {
			interval = steadyInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

func (s *supervisor) becomeReady(ctx context.Context) {
	page := s.page
	if page != "" && !hasPages(ctx, s.client, page) {
		page = ""
	}
	if s.onReady != nil {
		if err := s.onReady(); err != nil {
			s.notify(fmt.Sprintf("%s: %v", s.name, err))
		}
	}
	if ctx.Err() != nil {
		return
	}
	s.board.update(s.name, func(c *Component) { c.State, c.URL = Ready, page })
}

func (s *supervisor) showUnhealthy(why string) {
	s.notify(s.name + ": " + why)
	s.board.update(s.name, func(c *Component) { c.State, c.Detail = Failed, why })
}

// check asks the program once whether it is ready.
func (s *supervisor) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.health, http.NoBody)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", s.health, response.Status)
	}
	return nil
}

func exitReason(err error) error {
	if err == nil {
		return errors.New("ended by itself")
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			if status.Signal() == syscall.SIGKILL {
				return errKilled
			}
			return fmt.Errorf("was killed by %s", unix.SignalName(status.Signal()))
		}
		return fmt.Errorf("exited with status %d", exit.ExitCode())
	}
	return fmt.Errorf("failed: %w", err)
}
