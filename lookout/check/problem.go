package check

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
)

// Problem is one mistake, where it is, and what to do about it.
type Problem struct {
	Check    string `json:"check"` // name of the check, and of its page in docs/checks
	File     string `json:"file"`
	Line     int    `json:"line"`   // from 1
	Column   int    `json:"column"` // from 1, in characters
	Where    string `json:"where"`  // the rule, panel or SLO, in words
	Message  string `json:"message"`
	Source   string `json:"source"`   // the line of the expression that the mistake is in
	Start    int    `json:"start"`    // of the mistake within Source, in characters from 0
	Length   int    `json:"length"`   // of the mistake within Source, in characters
	Repeated int    `json:"repeated"` // how many more times the file has the same mistake
}

// Print writes the problem for people: position and message, then the expression with carets under the mistake.
func (p Problem) Print(out io.Writer) {
	repeated := ""
	if p.Repeated > 0 {
		repeated = fmt.Sprintf(" (and %d more times in this file)", p.Repeated)
	}
	fmt.Fprintf(out, "%s %s: %s [%s]%s\n", color.New(color.Bold).Sprintf("%s:%d:%d:", p.File, p.Line, p.Column), p.Where, p.Message,
		p.Check, repeated)
	if p.Source == "" {
		return
	}
	fmt.Fprintf(out, "  %s\n", p.Source)
	fmt.Fprintf(out, "  %s%s\n\n", strings.Repeat(" ", p.Start), color.RedString(strings.Repeat("^", p.Length)))
}

// problem places a finding in its file.
func (e expression) problem(check string, f finding) Problem {
	start := min(max(f.start, 0), len(e.text))
	end := min(max(f.end, start), len(e.text))
	lineStart := strings.LastIndexByte(e.text[:start], '\n') + 1
	line, _, _ := strings.Cut(e.text[lineStart:], "\n")
	marked, _, _ := strings.Cut(e.text[start:end], "\n")
	at := e.positions.at(start)
	return Problem{
		Check: check, File: e.file, Line: at.line, Column: at.column, Where: e.where, Message: f.message,
		Source: line, Start: utf8.RuneCountInString(e.text[lineStart:start]), Length: max(1, utf8.RuneCountInString(marked)),
	}
}
