package catalogue

import (
	"regexp"
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

// ValueType is the type of an attribute or of a log field.
type ValueType string

// The types of values.
const (
	Text    ValueType = "text"
	Integer ValueType = "integer"
	Number  ValueType = "number"
	Flag    ValueType = "flag" // true or false
	Object  ValueType = "object"
)

// Attribute is one attribute of a span or of the resource. Names are those of the OpenTelemetry conventions where they
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
	Stability Stability
}

// Matches says whether a span of this kind can have the name: whether that is one of the patterns with something in
// the place of each {attribute}.
func (s Span) Matches(name string) bool {
	return matches(s.Name, name) || s.Fallback != "" && matches(s.Fallback, name)
}

func matches(pattern, name string) bool {
	var expression strings.Builder
	for rest, more := pattern, true; more; {
		var literal string
		literal, rest, more = strings.Cut(rest, "{")
		expression.WriteString(regexp.QuoteMeta(literal))
		if more {
			expression.WriteString(".+")
			_, rest, _ = strings.Cut(rest, "}")
		}
	}
	return regexp.MustCompile("^" + expression.String() + "$").MatchString(name)
}

// Attributes returns all that the span can have.
func (s Span) Attributes() []Attribute { return slices.Concat(s.Always, s.Sometimes) }

// errorTypeAttribute is on every span of something that failed.
var errorTypeAttribute = Attribute{
	Name: "error.type", Type: Text, Help: "Category of the error", Values: ErrorType.Values[1:],
}

// exemplarAttribute is on spans whose duration, or what they report, is in a TracedHistogram.
var exemplarAttribute = Attribute{Name: Exemplar, Type: Flag, Help: "A histogram points to this trace"}
