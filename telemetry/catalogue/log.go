package catalogue

// Field is one field of log lines. One name means the same thing in every line that has it.
type Field struct {
	Name string
	Type ValueType
	Help string
	On   string // which lines have it
}

func commonFields() []Field {
	const everyLine = "every line"
	return []Field{
		{Name: "time", Type: Text, Help: "When, in RFC 3339 with nanoseconds", On: everyLine},
		{Name: "level", Type: Text, Help: "DEBUG, INFO, WARN or ERROR", On: everyLine},
		{Name: "msg", Type: Text, Help: "What happened, as a fixed text", On: everyLine},
		{Name: "service", Type: Text, Help: "Name of the service", On: everyLine},
		{Name: "trace_id", Type: Text, Help: "Trace in which it happened, in hexadecimal", On: "lines within a request or a job"},
		{Name: "span_id", Type: Text, Help: "Span in which it happened, in hexadecimal", On: "lines within a request or a job"},
		{Name: "error", Type: Text, Help: "What went wrong, in words", On: "lines about a failure"},
	}
}
