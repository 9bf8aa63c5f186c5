package telemetrytest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// logLine is a line that was written, or a record that was exported.
type logLine struct {
	message string
	level   string
	fields  map[string]any // of its own: string, bool, int64, float64, json.Number, or anything else for an object
}

// linesSeen is what lines had, by message.
type linesSeen map[string]*lineSeen

type lineSeen struct{ levels, fields map[string]bool }

// SeeLogs takes log lines as they were written. One that is no JSON object is a problem.
func (c *Contract) SeeLogs(lines string) {
	for line := range strings.Lines(lines) {
		fields := map[string]any{}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			c.problem("a log line is no JSON object: %q", strings.TrimSpace(line))
			continue
		}
		message, _ := fields["msg"].(string)
		level, _ := fields["level"].(string)
		if problem := compareFields(fields, catalogue.EveryLine(), true); problem != "" {
			c.problem("log line %q: %s", message, problem)
		}
		for _, f := range catalogue.EveryLine().Fields() {
			delete(fields, f.Name)
		}
		c.compareLine("log line", logLine{message, level, fields}, c.written)
	}
}

// SeeLogRecords takes log records as the collector received them, each with its resource.
func (c *Contract) SeeLogRecords(received []*logspb.ResourceLogs) {
	for _, resource := range received {
		c.seeResource(resource.GetResource(), c.resourceOfLogs)
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				c.seeRecord(record)
			}
		}
	}
}

func (c *Contract) seeRecord(record *logspb.LogRecord) {
	message, level := record.GetBody().GetStringValue(), record.GetSeverityText()
	if number, known := severities[level]; !known || record.GetSeverityNumber() != number {
		c.problem("exported log line %q: its severity is %q and %s", message, level, record.GetSeverityNumber())
	}
	if record.GetTimeUnixNano() == 0 {
		c.problem("exported log line %q: it has no time", message)
	}
	fields := map[string]any{}
	for _, attribute := range record.GetAttributes() {
		fields[attribute.GetKey()] = valueOf(attribute.GetValue())
	}
	c.compareLine("exported log line", logLine{message, level, fields}, c.exported)
}

// severities are the numbers of OpenTelemetry for the levels.
var severities = map[string]logspb.SeverityNumber{
	"DEBUG": logspb.SeverityNumber_SEVERITY_NUMBER_DEBUG, "INFO": logspb.SeverityNumber_SEVERITY_NUMBER_INFO,
	"WARN": logspb.SeverityNumber_SEVERITY_NUMBER_WARN, "ERROR": logspb.SeverityNumber_SEVERITY_NUMBER_ERROR,
}

func valueOf(value *commonpb.AnyValue) any {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	default:
		return v
	}
}

func (c *Contract) compareLine(what string, line logLine, seen linesSeen) {
	i := slices.IndexFunc(c.Declared.Lines, func(l catalogue.Line) bool { return l.Message == line.message })
	if i < 0 {
		c.problem("%s %q is not declared", what, line.message)
		return
	}
	declared := c.Declared.Lines[i]
	if !slices.ContainsFunc(declared.Levels, func(l slog.Level) bool { return l.String() == line.level }) {
		c.problem("%s %q: its level is %s, declared %v", what, line.message, line.level, declared.Levels)
	}
	if problem := compareFields(line.fields, declared, false); problem != "" {
		c.problem("%s %q: %s", what, line.message, problem)
	}
	seen.take(line)
}

func (s linesSeen) take(line logLine) {
	if s[line.message] == nil {
		s[line.message] = &lineSeen{levels: map[string]bool{}, fields: map[string]bool{}}
	}
	s[line.message].levels[line.level] = true
	for name := range line.fields {
		s[line.message].fields[name] = true
	}
}

// compareFields says what about fields is not as declared; empty when all is. With others there may be fields of which nothing is
// declared here.
func compareFields(fields map[string]any, declared catalogue.Line, others bool) string {
	for name, value := range fields {
		i := slices.IndexFunc(declared.Fields(), func(a catalogue.Attribute) bool { return a.Name == name })
		switch {
		case i < 0 && others:
			continue
		case i < 0:
			return fmt.Sprintf("field %s is not declared", name)
		}
		f := declared.Fields()[i]
		if !isOfType(value, f.Type) {
			return fmt.Sprintf("field %s is %v, declared as %s", name, value, f.Type)
		}
		if text, ok := value.(string); ok && f.Values != nil && !slices.Contains(f.Values, text) {
			return fmt.Sprintf("field %s is %q, which is not declared", name, text)
		}
	}
	for _, f := range declared.Always {
		if _, present := fields[f.Name]; !present {
			return fmt.Sprintf("field %s is not there", f.Name)
		}
	}
	return ""
}

func isOfType(value any, want catalogue.ValueType) bool {
	switch v := value.(type) {
	case string:
		return want == catalogue.Text
	case bool:
		return want == catalogue.Flag
	case int64:
		return want == catalogue.Integer
	case float64:
		return want == catalogue.Number
	case json.Number: // JSON writes whole numbers of both kinds alike
		_, err := v.Int64()
		return want == catalogue.Number || want == catalogue.Integer && err == nil
	default:
		return want == catalogue.Object
	}
}

func (c *Contract) missingLines() (missing []string) {
	for _, line := range c.Declared.Lines {
		written, ok := c.written[line.Message]
		if !ok {
			missing = append(missing, fmt.Sprintf("log line %q", line.Message))
			continue
		}
		missing = append(missing, written.missing("log line", line)...)
		if len(c.exported) == 0 {
			continue // lines are not exported at all
		}
		exported, ok := c.exported[line.Message]
		if !ok {
			missing = append(missing, fmt.Sprintf("exported log line %q", line.Message))
			continue
		}
		missing = append(missing, exported.missing("exported log line", line)...)
	}
	return missing
}

func (s *lineSeen) missing(what string, line catalogue.Line) (missing []string) {
	for _, level := range line.Levels {
		if !s.levels[level.String()] {
			missing = append(missing, fmt.Sprintf("level %s of %s %q", level, what, line.Message))
		}
	}
	for _, name := range namesMissing(line.Fields(), s.fields) {
		missing = append(missing, fmt.Sprintf("field %s of %s %q", name, what, line.Message))
	}
	return missing
}
