package process

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ResidentBytes is the resident memory of a process; 0 when the process is gone. Memory that it shares with others, such as
// the code of a program that runs several times, is divided among them (the kernel's proportional set size): so that the sum
// over processes is what they take together. Where the kernel does not tell, it is all that is resident.
func ResidentBytes(pid int) uint64 {
	if bytes, ok := proportionalBytes(pid); ok {
		return bytes
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize()) //nolint:gosec // a page size is positive
}

// proportionalBytes reads the line `Pss: N kB`; false when there is none.
func proportionalBytes(pid int) (uint64, bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "Pss:" { //nolint:mnd // name, number, unit
			kilobytes, err := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10, err == nil && kilobytes > 0 //nolint:mnd // kB of the kernel are KiB
		}
	}
	return 0, false
}

// Listener names the program that listens on a TCP port, for example `postgres (pid 812)`; empty when it cannot be told,
// as with a program of another user.
func Listener(port int) string {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening(table, port, inodes)
	}
	if len(inodes) == 0 {
		return ""
	}
	sockets, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, socket := range sockets {
		target, err := os.Readlink(socket)
		if err != nil || !inodes[target] {
			continue
		}
		pid, _, _ := strings.Cut(strings.TrimPrefix(socket, "/proc/"), "/")
		name, err := os.ReadFile("/proc/" + pid + "/comm") //nolint:gosec // the kernel's own file
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

// listening adds the sockets that listen on the port, named as /proc/*/fd names them. A line of the table is
// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`, with the address as hexadecimal ip:port.
func listening(table string, port int, inodes map[string]bool) {
	const listen, state, inode = "0A", 3, 9
	file, err := os.Open(table) //nolint:gosec // one of two fixed paths
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[1], suffix) {
			inodes["socket:["+fields[inode]+"]"] = true
		}
	}
}
