package stack

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// NewLines returns a display for logs and pipes: one line for every change.
func NewLines(out io.Writer) Display {
	return &lines{out: out, shown: map[string]State{}}
}

type lines struct {
	mu    sync.Mutex
	out   io.Writer
	shown map[string]State
}

func (l *lines) Notice(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.print(text)
}

func (l *lines) Show(status Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range status.Components {
		if l.shown[c.Name] == c.State {
			continue
		}
		l.shown[c.Name] = c.State
		words := []string{c.Name + ":", string(c.State)}
		if c.State == Ready {
			words = append(words, c.Version, "at", c.Endpoint, c.URL)
		}
		if c.Detail != "" {
			words = append(words, "("+c.Detail+")")
		}
		l.print(strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
}

func (l *lines) print(text string) {
	// Nobody is left to tell when the output is closed.
	_, _ = fmt.Fprintf(l.out, "%s %s\n", time.Now().Format(time.TimeOnly), text)
}

// NewScreen returns a display for a terminal: a table that is redrawn in place, below the notices. Size returns the
// terminal's width and height in characters; program is how this program is called, for the hints.
func NewScreen(out io.Writer, program string, size func() (width, height int), colour bool) *Screen {
	return &Screen{out: out, program: program, size: size, colour: colour}
}

// Screen is a live table on a terminal.
type Screen struct {
	out     io.Writer
	program string
	size    func() (width, height int)
	colour  bool

	mu     sync.Mutex
	status Status
	drawn  int // lines of the table on the terminal
}

// Notice prints a text above the table, where it stays.
func (s *Screen) Notice(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw([]string{paint(colourDim, time.Now().Format(time.TimeOnly), s.colour) + " " + text})
}

// Show draws the table anew.
func (s *Screen) Show(status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	s.draw(nil)
}

// draw replaces the table by the notices and a new table.
func (s *Screen) draw(notices []string) {
	var frame strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA", s.drawn)
	}
	frame.WriteString("\r\x1b[J")
	for _, notice := range notices {
		frame.WriteString(notice + "\n")
	}
	s.drawn = 0
	if len(s.status.Components) > 0 {
		table := s.table()
		s.drawn = len(table)
		for _, line := range table {
			frame.WriteString(line + "\n")
		}
	}
	_, _ = io.WriteString(s.out, frame.String()) // nobody is left to tell when the terminal is gone
}

func (s *Screen) table() []string {
	width, height := s.size()
	now := time.Now()
	table := []string{"", s.headline(now, width), ""}
	table = append(table, Table(s.status.Components, now, width, s.colour)...)
	table = append(table, "", paint(colourDim, clip(s.hint(), width), s.colour))
	// A table higher than the terminal could not be redrawn in place.
	if height > 1 && len(table) > height-1 {
		table = table[:height-1]
	}
	return table
}

func (s *Screen) headline(now time.Time, width int) string {
	words := fmt.Sprintf("Farmers' market, up %s: ", elapsed(now.Sub(s.status.Started)))
	waiting := strings.Join(s.status.NotReady(), ", ")
	switch {
	case s.status.stopped():
		words += "stopped"
	case s.status.stopping():
		words += "stopping"
	case waiting != "":
		words += "waiting for " + waiting
	default:
		words += "all ready"
	}
	if s.status.Traffic > 0 && !s.status.stopping() {
		words += fmt.Sprintf("; %g shopper requests/s", s.status.Traffic)
	}
	return paint(colourBold, clip(words, width), s.colour)
}

func (s *Screen) hint() string {
	switch {
	case s.status.stopped():
		return fmt.Sprintf("Nothing is left running. Logs: %s logs NAME", s.program)
	case s.status.stopping():
		return "Ctrl-C again kills what still runs."
	}
	return fmt.Sprintf("Ctrl-C stops everything. Elsewhere: %[1]s status, %[1]s logs NAME -f, %[1]s drill api-outage",
		s.program)
}
