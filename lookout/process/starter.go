// Package process starts child processes that cannot outlive the program, ends whole process groups, and reads what the
// operating system tells of processes: their memory and who listens on a port.
package process

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// Starter starts child processes, each in a process group of its own, so that a Ctrl-C at the terminal reaches only the
// program, which then stops its children in its own order. On Linux a child is killed by the kernel when the program
// dies by whatever cause; as that is bound to the thread which started the child, one thread starts all of them and
// lives until Close.
type Starter struct {
	requests chan func()
}

// NewStarter returns a Starter. Close releases its thread.
func NewStarter() *Starter {
	s := &Starter{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for request := range s.requests {
			request()
		}
	}()
	return s
}

// Start starts the command. The caller waits for it as usual.
func (s *Starter) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = attributes()
	started := make(chan error, 1)
	s.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return nil
}

// Close ends the starting thread. On Linux this kills the children that still run.
func (s *Starter) Close() {
	close(s.requests)
}

// SignalGroup sends a signal to every process of the group that the child pid leads. A group that is gone is no error.
func SignalGroup(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(-pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process group %d: %w", signal, pid, err)
	}
	return nil
}

// Yield lowers the scheduling priority of the group that the child pid leads, for work that must not slow down others.
func Yield(pid int) error {
	const background = 10 // of 19, the nicest
	if err := syscall.Setpriority(syscall.PRIO_PGRP, pid, background); err != nil {
		return fmt.Errorf("lower the priority of process group %d: %w", pid, err)
	}
	return nil
}

// Alive says whether the process exists.
func Alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
