package catalogue

import (
	"cmp"
	"slices"
	"strings"
)

// SpanKind is a span kind of OpenTelemetry.
type SpanKind string

// The span kinds in use.
const (
	ServerSpan   SpanKind = "server"
	ClientSpan   SpanKind = "client"
	InternalSpan SpanKind = "internal"
)

// ValueType is the type of an attribute.
type ValueType string

// The types of values.
const (
	Text    ValueType = "text"
	Integer ValueType = "integer"
	Number  ValueType = "number"
	Flag    ValueType = "flag" // true or false
	Object  ValueType = "object"
)

// Attribute is one attribute of a span, of an event in it, or of the resource, or one field of a log line. Names are those of the OpenTelemetry conventions where they
// have one.
type Attribute struct {
	Name   string
	Type   ValueType
	Help   string
	Values []string // all there are, where they are few
}

// Span declares one kind of span.
type Span struct {
	Name      string // a pattern in which {attribute} stands for the value of that attribute
	Fallback  string // the pattern where one of those attributes has no value; empty: they always have
	Kind      SpanKind
	Help      string
	Always    []Attribute
	Sometimes []Attribute // where they apply
	Events    []Event     // that can happen in it
	Links     string      // what it can link to; empty: it has no links
	Stability Stability
}

// Event declares something that can happen in a span.
type Event struct {
	Name      string
	Help      string
	Always    []Attribute
	Sometimes []Attribute // where they apply
}

// Attributes returns all that the event can have.
func (e Event) Attributes() []Attribute { return slices.Concat(e.Always, e.Sometimes) }

// Matches says whether a span of this kind can have the name, where value returns the value of an attribute of that span as a
// text, and whether it has the attribute.
func (s Span) Matches(name string, value func(attribute string) (string, bool)) bool {
	want, complete := s.nameOf(s.Name, value)
	if !complete && s.Fallback != "" {
		want, complete = s.nameOf(s.Fallback, value)
	}
	return complete && name == want
}

// nameOf returns the pattern with the value of each {attribute} in its place, and whether there is one of each.
func (s Span) nameOf(pattern string, value func(attribute string) (string, bool)) (name string, complete bool) {
	var filled strings.Builder
	for rest, more := pattern, true; more; {
		var literal, attribute string
		literal, rest, more = strings.Cut(rest, "{")
		filled.WriteString(literal)
		if !more {
			break
		}
		attribute, rest, _ = strings.Cut(rest, "}")
		text, present := value(attribute)
		if !present {
			return "", false
		}
		if attribute == methodAttribute && text == otherMethod {
			text = otherMethodInNames
		}
		filled.WriteString(text)
	}
	return filled.String(), true
}

// with returns the span with what another declaration of it adds.
func (s Span) with(other Span) Span {
	s.Always = slices.Concat(s.Always, other.Always)
	s.Sometimes = slices.Concat(s.Sometimes, other.Sometimes)
	s.Events = slices.Concat(s.Events, other.Events)
	s.Links = cmp.Or(s.Links, other.Links)
	return s
}

// Attributes returns all that the span can have.
func (s Span) Attributes() []Attribute { return slices.Concat(s.Always, s.Sometimes) }

// errorTypeAttribute is on every span of something that failed.
var errorTypeAttribute = Attribute{
	Name: "error.type", Type: Text, Help: "Category of the error", Values: ErrorType.Values[1:],
}

// exceptionEvent is in every span of something that failed with an error.
var exceptionEvent = Event{
	Name: "exception", Help: "The error that it failed with.",
	Always:    []Attribute{{Name: "exception.type", Type: Text, Help: "Go type of the error; or panic; or SQLSTATE and the code, where the message holds values"}},
	Sometimes: []Attribute{{Name: "exception.message", Type: Text, Help: "The error in words, without what looks personal or secret"}},
}

// panicEvent is an exceptionEvent in a span of something that may have panicked.
var panicEvent = Event{
	Name: exceptionEvent.Name, Help: exceptionEvent.Help, Always: exceptionEvent.Always,
	Sometimes: append(slices.Clip(exceptionEvent.Sometimes), Attribute{Name: "exception.stacktrace", Type: Text, Help: "Stack of the goroutine, of a panic"}),
}

// exemplarAttribute is on spans whose duration, or what they report, is in a TracedHistogram.
var exemplarAttribute = Attribute{Name: Exemplar, Type: Flag, Help: "A histogram points to this trace"}
