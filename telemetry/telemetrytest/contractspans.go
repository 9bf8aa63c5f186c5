package telemetrytest

import (
	"fmt"
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// spanKey tells the declarations of spans apart.
type spanKey struct {
	name string
	kind catalogue.SpanKind
}

// spanSeen is what spans of one declaration had.
type spanSeen struct {
	attributes map[string]bool
	events     map[string]map[string]bool // by name, the attributes
	links      bool
}

// SeeSpans takes spans as the collector received them, each with its resource.
func (c *Contract) SeeSpans(received []*tracepb.ResourceSpans) {
	for _, resource := range received {
		c.seeResource(resource.GetResource(), c.resource)
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.compareSpan(span)
			}
		}
	}
}

func (c *Contract) seeResource(resource *resourcepb.Resource, seen map[string]bool) {
	for _, attribute := range resource.GetAttributes() {
		seen[attribute.GetKey()] = true
		if problem := compareValue(attribute, c.Declared.Resource); problem != "" {
			c.problem("resource attribute %s", problem)
		}
	}
}

// compareSpan finds the declaration that the span is of: one of its kind whose pattern gives its name with its own
// attributes, and with which all else about it agrees.
func (c *Contract) compareSpan(span *tracepb.Span) {
	var complaints []string
	for _, declared := range c.Declared.Spans {
		if kindOf(span) != declared.Kind || !declared.Matches(span.GetName(), valuesOf(span)) {
			continue
		}
		if complaint := complainOf(span, declared); complaint != "" {
			complaints = append(complaints, complaint)
			continue
		}
		key := spanKey{declared.Name, declared.Kind}
		if c.spans[key] == nil {
			c.spans[key] = &spanSeen{attributes: map[string]bool{}, events: map[string]map[string]bool{}}
		}
		c.spans[key].take(span)
		return
	}
	if complaints == nil {
		c.problem("%s span %q is not declared", kindOf(span), span.GetName())
		return
	}
	c.problem("%s span %q: %s", kindOf(span), span.GetName(), strings.Join(complaints, "; or "))
}

// valuesOf returns the values of a span's attributes as texts, as a name has them.
func valuesOf(span *tracepb.Span) func(attribute string) (string, bool) {
	return func(attribute string) (string, bool) {
		i := slices.IndexFunc(span.GetAttributes(), func(a *commonpb.KeyValue) bool { return a.GetKey() == attribute })
		if i < 0 {
			return "", false
		}
		return fmt.Sprint(valueOf(span.GetAttributes()[i].GetValue())), true
	}
}

func kindOf(span *tracepb.Span) catalogue.SpanKind {
	return catalogue.SpanKind(strings.ToLower(strings.TrimPrefix(span.GetKind().String(), "SPAN_KIND_")))
}

func (s *spanSeen) take(span *tracepb.Span) {
	takeNames(s.attributes, span.GetAttributes())
	for _, event := range span.GetEvents() {
		if s.events[event.GetName()] == nil {
			s.events[event.GetName()] = map[string]bool{}
		}
		takeNames(s.events[event.GetName()], event.GetAttributes())
	}
	s.links = s.links || len(span.GetLinks()) > 0
}

func takeNames(to map[string]bool, attributes []*commonpb.KeyValue) {
	for _, attribute := range attributes {
		to[attribute.GetKey()] = true
	}
}

// complainOf says what about a span is not as declared; empty when all is.
func complainOf(span *tracepb.Span, declared catalogue.Span) string {
	if problem := compareAttributes(span.GetAttributes(), declared.Always, declared.Sometimes); problem != "" {
		return problem
	}
	for _, event := range span.GetEvents() {
		i := slices.IndexFunc(declared.Events, func(e catalogue.Event) bool { return e.Name == event.GetName() })
		if i < 0 {
			return fmt.Sprintf("the event %q is not declared", event.GetName())
		}
		if problem := compareAttributes(event.GetAttributes(), declared.Events[i].Always, declared.Events[i].Sometimes); problem != "" {
			return fmt.Sprintf("event %q: %s", event.GetName(), problem)
		}
	}
	for _, link := range span.GetLinks() {
		if declared.Links == "" {
			return "it is not declared to have links"
		}
		if len(link.GetAttributes()) > 0 {
			return "its links are not declared to have attributes"
		}
	}
	return ""
}

// compareAttributes says what about attributes is not as declared; empty when all is.
func compareAttributes(attributes []*commonpb.KeyValue, always, sometimes []catalogue.Attribute) string {
	present := map[string]bool{}
	for _, attribute := range attributes {
		present[attribute.GetKey()] = true
		if problem := compareValue(attribute, slices.Concat(always, sometimes)); problem != "" {
			return problem
		}
	}
	for _, a := range always {
		if !present[a.Name] {
			return a.Name + " is not there"
		}
	}
	return ""
}

// compareValue says what about one attribute is not as declared; empty when all is.
func compareValue(attribute *commonpb.KeyValue, declared []catalogue.Attribute) string {
	name := attribute.GetKey()
	i := slices.IndexFunc(declared, func(a catalogue.Attribute) bool { return a.Name == name })
	if i < 0 {
		return name + " is not declared"
	}
	if got := typeOf(attribute.GetValue()); got != declared[i].Type {
		return fmt.Sprintf("%s is of type %s, declared as %s", name, got, declared[i].Type)
	}
	if text := attribute.GetValue().GetStringValue(); declared[i].Values != nil && !slices.Contains(declared[i].Values, text) {
		return fmt.Sprintf("%s is %q, which is not declared", name, text)
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

func (c *Contract) missingSpans() (missing []string) {
	for _, s := range c.Declared.Spans {
		seen, ok := c.spans[spanKey{s.Name, s.Kind}]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s span %q", s.Kind, s.Name))
			continue
		}
		for _, name := range namesMissing(s.Attributes(), seen.attributes) {
			missing = append(missing, fmt.Sprintf("attribute %s of span %q", name, s.Name))
		}
		for _, e := range s.Events {
			of, ok := seen.events[e.Name]
			if !ok {
				missing = append(missing, fmt.Sprintf("event %q of span %q", e.Name, s.Name))
				continue
			}
			for _, name := range namesMissing(e.Attributes(), of) {
				missing = append(missing, fmt.Sprintf("attribute %s of event %q of span %q", name, e.Name, s.Name))
			}
		}
		if s.Links != "" && !seen.links {
			missing = append(missing, fmt.Sprintf("links of span %q", s.Name))
		}
	}
	return missing
}

func namesMissing(declared []catalogue.Attribute, seen map[string]bool) (missing []string) {
	for _, a := range declared {
		if !seen[a.Name] {
			missing = append(missing, a.Name)
		}
	}
	return missing
}
