package catalogue

import (
	"log/slog"
	"slices"
)

// Line declares the log lines of one message. Beside its own fields a line has those of EveryLine. A field of one name means
// the same thing in every line that has it.
type Line struct {
	Message   string       // what happened, as a fixed text
	Levels    []slog.Level // that it can have
	Help      string
	Always    []Attribute
	Sometimes []Attribute // where they apply
}

// Fields returns all that the line can have of its own.
func (l Line) Fields() []Attribute { return slices.Concat(l.Always, l.Sometimes) }

// EveryLine returns what lines of every message have, under their own names where they are written. A record that is exported has
// these in places of its own, and the service in its resource.
func EveryLine() Line {
	return Line{
		Always: []Attribute{
			{Name: "time", Type: Text, Help: "When, in RFC 3339 with nanoseconds"},
			{Name: "level", Type: Text, Help: "How bad it is", Values: []string{"DEBUG", "INFO", "WARN", "ERROR"}},
			{Name: "msg", Type: Text, Help: "What happened, as a fixed text"},
			{Name: "service", Type: Text, Help: "Name of the service"},
		},
		Sometimes: []Attribute{
			{Name: "trace_id", Type: Text, Help: "Trace in which it happened, in hexadecimal"},
			{Name: "span_id", Type: Text, Help: "Span in which it happened, in hexadecimal"},
		},
	}
}

// Fields of many lines.
var (
	errorField     = Attribute{Name: "error", Type: Text, Help: "What went wrong, in words"}
	errorTypeField = Attribute{Name: "error.type", Type: Text, Help: "Category of the error", Values: ErrorType.Values[1:]}
	stackField     = Attribute{Name: "stack", Type: Text, Help: "Stack of the goroutine, up to 8 KiB, of a panic"}
	addrField      = Attribute{Name: "addr", Type: Text, Help: "Address that the program listens on"}
	endpointField  = Attribute{Name: "endpoint", Type: Text, Help: "Address of the collector, or of the error tracker"}
)

// Levels of lines.
var (
	debug = []slog.Level{slog.LevelDebug}
	info  = []slog.Level{slog.LevelInfo}
	warn  = []slog.Level{slog.LevelWarn}
	fault = []slog.Level{slog.LevelError}
)
