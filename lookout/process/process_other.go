//go:build !linux

package process

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// attributes has no equivalent of Linux's parent-death signal here: after a kill -9 of the program its children stay.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// ResidentBytes is the resident memory of a process; 0 when the process is gone.
func ResidentBytes(pid int) uint64 {
	kilobytes, err := strconv.ParseUint(strings.TrimSpace(output("ps", "-o", "rss=", "-p", strconv.Itoa(pid))), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// Listener names the program that listens on a TCP port, for example `postgres (pid 812)`; empty when it cannot be told.
func Listener(port int) string {
	var pid, name string
	for line := range strings.Lines(output("lsof", "-nP", fmt.Sprintf("-iTCP:%d", port), "-sTCP:LISTEN", "-Fpc")) {
		line = strings.TrimSpace(line)
		switch {
		case pid == "" && strings.HasPrefix(line, "p"):
			pid = line[1:]
		case name == "" && strings.HasPrefix(line, "c"):
			name = line[1:]
		}
	}
	if pid == "" {
		return ""
	}
	return fmt.Sprintf("%s (pid %s)", name, pid)
}

func output(name string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}
