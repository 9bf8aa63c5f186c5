package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// escapes are terminal colours.
var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

const (
	maxLogBytes = 5 << 20 // of one log file; one older file of the same size is kept as NAME.log.1
	tailLines   = 10      // kept in memory to report a failure with
	maxTailLine = 400     // bytes of a line that is kept
)

// logFile is a component's log: appended to, bounded by rotation, and with its last lines at hand. When the disk is full
// lines are dropped and the program goes on; the first such error is kept for the status table.
type logFile struct {
	path string

	mu      sync.Mutex
	file    *os.File
	size    int64
	partial []byte   // of a line not ended yet
	tail    []string // last lines
	failure error
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("open log: %w", err)
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write takes a program's output. It never fails, as that would end the copying and block the program.
func (l *logFile) Write(output []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remember(output)
	if l.size > 0 && l.size+int64(len(output)) > maxLogBytes {
		l.note(l.rotate())
	}
	if l.file != nil {
		n, err := l.file.Write(output)
		l.size += int64(n)
		l.note(err)
	}
	return len(output), nil
}

func (l *logFile) rotate() error {
	closed := l.file.Close()
	l.file = nil
	return errors.Join(closed, os.Rename(l.path, l.path+".1"), l.open())
}

func (l *logFile) note(err error) {
	if l.failure == nil && err != nil {
		l.failure = fmt.Errorf("lines of %s are lost: %w", l.path, err)
	}
}

func (l *logFile) remember(output []byte) {
	for line := range bytes.Lines(output) {
		l.partial = append(l.partial, line...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			if len(l.partial) > maxTailLine {
				l.partial = l.partial[:maxTailLine]
			}
			return
		}
		whole := printable(l.partial[:min(len(l.partial), maxTailLine)])
		l.partial = l.partial[:0]
		if whole == "" {
			continue
		}
		l.tail = append(l.tail, whole)
		if len(l.tail) > tailLines {
			l.tail = l.tail[1:]
		}
	}
}

// printable makes a log line safe to show in a table: without tabs, colours and other control characters.
func printable(line []byte) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, string(bytes.ToValidUTF8(escapes.ReplaceAll(line, nil), nil)))
	return strings.TrimSpace(text)
}

// last returns the newest line; empty when nothing was written.
func (l *logFile) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 {
		return ""
	}
	return l.tail[len(l.tail)-1]
}

// lastLines returns the newest lines, oldest first.
func (l *logFile) lastLines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.tail...)
}

// err returns why lines were lost; nil when none were.
func (l *logFile) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.note(l.file.Close())
		l.file = nil
	}
}
