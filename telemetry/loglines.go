package telemetry

import (
	"io"
	"sync"
	"time"
)

const (
	lineDelay   = 100 * time.Millisecond // longest that a line waits
	lineBacklog = 32 << 10               // bytes from which lines are written without waiting longer
)

// logLines writes log lines, those that can wait many at a time: a system call for each request costs more than all
// else that is logged about it. Lines come out in the order in which they went in. A process that is killed, or that
// crashes, loses what waits: lineDelay of requests that succeeded.
type logLines struct {
	mu      sync.Mutex
	out     io.Writer
	waiting []byte
	timer   *time.Timer
	closed  bool
}

func newLogLines(out io.Writer) *logLines {
	l := &logLines{out: out}
	l.timer = time.AfterFunc(lineDelay, l.flush)
	return l
}

// Write takes a line that can wait.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.timer.Reset(lineDelay)
	}
	l.waiting = append(l.waiting, line...)
	if l.closed || len(l.waiting) >= lineBacklog {
		return len(line), l.write()
	}
	return len(line), nil
}

// urgentLines writes at once, after what waits.
type urgentLines struct{ *logLines }

func (u urgentLines) Write(line []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting = append(u.waiting, line...)
	return len(line), u.write()
}

func (l *logLines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.write() // slog has nobody to tell, either
}

// close writes what waits; from then on no line waits.
func (l *logLines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.write() // as above
}

func (l *logLines) write() error {
	if len(l.waiting) == 0 {
		return nil
	}
	_, err := l.out.Write(l.waiting)
	l.waiting = l.waiting[:0]
	return err
}
