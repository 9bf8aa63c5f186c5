package telemetry

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	lineDelay   = 100 * time.Millisecond // longest that a line waits that can
	lineBacklog = 32 << 10               // bytes from which lines are written without waiting longer
)

// lineWriter writes log lines whole and in order, from a goroutine of its own: a pipe that nobody reads, or a disk that
// is slow or full, holds up no request. What does not fit into the buffer, or cannot be written, is dropped line by line
// and counted. Lines that come while others are written go out together.
//
// Lines that can wait do, for each other: to wake the goroutine for every request costs more than all else that is logged
// of it. A process that is killed, or that crashes, loses them: lineDelay of requests that succeeded.
//
// Without a buffer there is no goroutine, and each line is written before Write returns.
type lineWriter struct {
	out    io.Writer
	buffer int // bytes

	mu      sync.Mutex
	changed sync.Cond // of due, writing or closed
	waiting []byte    // whole lines
	spare   []byte
	due     bool // what waits is to be written now
	timer   *time.Timer
	writing bool
	closed  bool

	torn       bool // the last line written was cut off; of whoever writes
	full       prometheus.Counter
	unwritable prometheus.Counter
}

func newLineWriter(out io.Writer, buffer int, metrics *Metrics) *lineWriter {
	dropped := metrics.Counter(catalogue.LogLinesDropped)
	w := &lineWriter{
		out: out, buffer: buffer,
		full: dropped.WithLabelValues("buffer_full"), unwritable: dropped.WithLabelValues("write_failed"),
	}
	w.changed.L = &w.mu
	if buffer == 0 {
		return w
	}
	w.timer = time.AfterFunc(lineDelay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wake()
	})
	go w.run()
	return w
}

// Write takes one line, or several. It never fails and, with a buffer, never waits.
func (w *lineWriter) Write(line []byte) (int, error) { return w.put(line, false) }

// patientLines takes lines that can wait.
type patientLines struct{ *lineWriter }

func (p patientLines) Write(line []byte) (int, error) { return p.put(line, true) }

func (w *lineWriter) put(line []byte, patient bool) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.buffer == 0, w.closed && !w.writing: // the latter are the last words of a program that ends
		w.write(line)
	case len(w.waiting)+len(line) > w.buffer:
		w.full.Inc()
	default:
		if patient && len(w.waiting) == 0 {
			w.timer.Reset(lineDelay)
		}
		w.waiting = append(w.waiting, line...)
		if !patient || len(w.waiting) >= lineBacklog {
			w.wake()
		}
	}
	return len(line), nil
}

// wake has what waits written.
func (w *lineWriter) wake() {
	if !w.due && len(w.waiting) > 0 {
		w.due = true
		w.changed.Broadcast()
	}
}

func (w *lineWriter) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for !w.due && !w.closed {
			w.changed.Wait()
		}
		if len(w.waiting) == 0 { // it is closed
			return
		}
		lines := w.waiting
		w.waiting, w.spare, w.writing, w.due = w.spare[:0], nil, true, false
		w.mu.Unlock()
		w.write(lines)
		w.mu.Lock()
		w.spare, w.writing = lines, false
		w.changed.Broadcast()
	}
}

// write writes lines. After an error it ends the line that was cut off before it begins the next one.
func (w *lineWriter) write(lines []byte) {
	if w.torn {
		if _, err := w.out.Write([]byte{'\n'}); err != nil {
			w.unwritable.Add(countLines(lines))
			return
		}
		w.torn = false
	}
	n, err := w.out.Write(lines)
	if err == nil {
		return
	}
	w.torn = n > 0 && lines[n-1] != '\n'
	w.unwritable.Add(countLines(lines[n:]))
}

func countLines(text []byte) float64 {
	n := 0
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return float64(n)
}

// close waits until all lines are written, or the context ends. Lines that come later are written at once, if writing
// is possible at all.
func (w *lineWriter) close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.closed = true
		w.changed.Broadcast()
		for w.writing || len(w.waiting) > 0 {
			w.changed.Wait()
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the last log lines: %w", ctx.Err())
	}
}
