package telemetrytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Contract compares what a service emitted with what its catalogue declares, both ways. Give it what was seen, and ask
// for Undeclared and Missing.
type Contract struct {
	Declared catalogue.Catalogue
	// Known says of a metric that the catalogue does not declare that it is of a library, such as the Go runtime's.
	Known func(metric string) bool

	problems map[string]bool
	metrics  map[string]bool
	spans    map[string]map[string]bool // by pattern: the attributes seen
	resource map[string]bool
	fields   map[string]bool
}

// NewContract returns a contract that has seen nothing.
func NewContract(declared catalogue.Catalogue, known func(metric string) bool) *Contract {
	return &Contract{
		Declared: declared, Known: known, problems: map[string]bool{}, metrics: map[string]bool{}, spans: map[string]map[string]bool{},
		resource: map[string]bool{}, fields: map[string]bool{},
	}
}

func (c *Contract) problem(format string, args ...any) {
	c.problems[fmt.Sprintf(format, args...)] = true
}

// SeeMetrics takes a metrics page in the Prometheus text format.
func (c *Contract) SeeMetrics(exposition string) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(exposition))
	if err != nil {
		return fmt.Errorf("read the metrics page: %w", err)
	}
	declared := map[string]catalogue.Metric{}
	for _, m := range c.Declared.Metrics {
		declared[m.Name] = m
	}
	for name, family := range families {
		m, ok := declared[name]
		switch {
		case ok:
			c.metrics[name] = true
			c.compareMetric(m, family)
		case !c.Known(name):
			c.problem("metric %s is not declared", name)
		}
	}
	return nil
}

func (c *Contract) compareMetric(m catalogue.Metric, family *dto.MetricFamily) {
	if got := strings.ToLower(family.GetType().String()); got != string(m.Type) {
		c.problem("metric %s is a %s, declared as a %s", m.Name, got, m.Type)
	}
	if family.GetHelp() != m.Help {
		c.problem("metric %s says %q, declared as %q", m.Name, family.GetHelp(), m.Help)
	}
	labels := map[string]catalogue.Label{}
	for _, l := range m.Labels {
		labels[l.Name] = l
	}
	for _, series := range family.GetMetric() {
		if len(series.GetLabel()) != len(m.Labels) {
			c.problem("metric %s has %d labels, declared %d", m.Name, len(series.GetLabel()), len(m.Labels))
		}
		for _, pair := range series.GetLabel() {
			l, ok := labels[pair.GetName()]
			if !ok {
				c.problem("metric %s has the label %s, which is not declared", m.Name, pair.GetName())
			} else if l.Bound == "" && !slices.Contains(l.Values, pair.GetValue()) {
				c.problem("metric %s has %s=%q, which is not declared", m.Name, l.Name, pair.GetValue())
			}
		}
	}
}

// SeeSpans takes spans as the collector received them, each with its resource.
func (c *Contract) SeeSpans(received []*tracepb.ResourceSpans) {
	for _, resource := range received {
		for _, attribute := range resource.GetResource().GetAttributes() {
			c.resource[attribute.GetKey()] = true
			if !slices.ContainsFunc(c.Declared.Resource, func(a catalogue.Attribute) bool { return a.Name == attribute.GetKey() }) {
				c.problem("resource attribute %s is not declared", attribute.GetKey())
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.compareSpan(span)
			}
		}
	}
}

func (c *Contract) compareSpan(span *tracepb.Span) {
	var complaints []string
	for _, declared := range c.Declared.Spans {
		if kindOf(span) != declared.Kind || !declared.Matches(span.GetName()) {
			continue
		}
		complaint := compareAttributes(declared, span.GetAttributes())
		if complaint != "" {
			complaints = append(complaints, complaint)
			continue
		}
		seen := c.spans[declared.Name]
		if seen == nil {
			seen = map[string]bool{}
			c.spans[declared.Name] = seen
		}
		for _, attribute := range span.GetAttributes() {
			seen[attribute.GetKey()] = true
		}
		return
	}
	if complaints == nil {
		c.problem("%s span %q is not declared", kindOf(span), span.GetName())
		return
	}
	c.problem("%s span %q: %s", kindOf(span), span.GetName(), strings.Join(complaints, "; or "))
}

func kindOf(span *tracepb.Span) catalogue.SpanKind {
	return catalogue.SpanKind(strings.ToLower(strings.TrimPrefix(span.GetKind().String(), "SPAN_KIND_")))
}

// compareAttributes says what about a span's attributes is not as declared; empty when all is.
func compareAttributes(declared catalogue.Span, attributes []*commonpb.KeyValue) string {
	present := map[string]bool{}
	for _, attribute := range attributes {
		name := attribute.GetKey()
		present[name] = true
		i := slices.IndexFunc(declared.Attributes(), func(a catalogue.Attribute) bool { return a.Name == name })
		if i < 0 {
			return name + " is not declared"
		}
		a := declared.Attributes()[i]
		if got := typeOf(attribute.GetValue()); got != a.Type {
			return fmt.Sprintf("%s is of type %s, declared as %s", name, got, a.Type)
		}
		if text := attribute.GetValue().GetStringValue(); a.Values != nil && !slices.Contains(a.Values, text) {
			return fmt.Sprintf("%s is %q, which is not declared", name, text)
		}
	}
	for _, a := range declared.Always {
		if !present[a.Name] {
			return a.Name + " is not there"
		}
	}
	return ""
}

func typeOf(value *commonpb.AnyValue) catalogue.ValueType {
	switch value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return catalogue.Text
	case *commonpb.AnyValue_IntValue:
		return catalogue.Integer
	case *commonpb.AnyValue_DoubleValue:
		return catalogue.Number
	case *commonpb.AnyValue_BoolValue:
		return catalogue.Flag
	default:
		return catalogue.Object
	}
}

// SeeLogs takes log lines. A line that is no JSON object is a problem.
func (c *Contract) SeeLogs(lines string) {
	declared := map[string]catalogue.Field{}
	for _, f := range c.Declared.Fields {
		declared[f.Name] = f
	}
	for line := range strings.Lines(lines) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			c.problem("a log line is no JSON object: %q", strings.TrimSpace(line))
			continue
		}
		for name, value := range fields {
			f, ok := declared[name]
			if !ok {
				c.problem("log field %s of %q is not declared", name, fields["msg"])
				continue
			}
			c.fields[name] = true
			if !isOfType(value, f.Type) {
				c.problem("log field %s of %q is %v, declared as %s", name, fields["msg"], value, f.Type)
			}
		}
	}
}

func isOfType(value any, want catalogue.ValueType) bool {
	switch v := value.(type) {
	case string:
		return want == catalogue.Text
	case bool:
		return want == catalogue.Flag
	case float64:
		return want == catalogue.Number || want == catalogue.Integer && v == float64(int64(v))
	case nil:
		return want == catalogue.Object // an empty list
	default:
		return want == catalogue.Object
	}
}

// Undeclared returns what was seen and is not as the catalogue declares it.
func (c *Contract) Undeclared() []string { return slices.Sorted(maps.Keys(c.problems)) }

// Missing returns what the catalogue declares and was not seen.
func (c *Contract) Missing() []string {
	var missing []string
	for _, m := range c.Declared.Metrics {
		if !c.metrics[m.Name] {
			missing = append(missing, "metric "+m.Name)
		}
	}
	for _, s := range c.Declared.Spans {
		seen, ok := c.spans[s.Name]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s span %q", s.Kind, s.Name))
			continue
		}
		for _, a := range s.Attributes() {
			if !seen[a.Name] {
				missing = append(missing, fmt.Sprintf("attribute %s of span %q", a.Name, s.Name))
			}
		}
	}
	for _, f := range c.Declared.Fields {
		if !c.fields[f.Name] {
			missing = append(missing, "log field "+f.Name)
		}
	}
	for _, a := range c.Declared.Resource {
		if !c.resource[a.Name] {
			missing = append(missing, "resource attribute "+a.Name)
		}
	}
	return missing
}
