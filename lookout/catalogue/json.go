package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// document is the contract as JSON.
type document struct {
	Metrics  []metric    `json:"metrics,omitempty"`
	Spans    []span      `json:"spans,omitempty"`
	Fields   []attribute `json:"log_fields,omitempty"` // of lines of every message
	Lines    []line      `json:"log_lines,omitempty"`
	Resource []attribute `json:"resource,omitempty"`
}

type metric struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Unit      string    `json:"unit,omitempty"`
	Help      string    `json:"help"`
	Stability string    `json:"stability"`
	Labels    []label   `json:"labels"`
	Buckets   []float64 `json:"buckets,omitempty"`
	Series    []string  `json:"series"` // the names to query
}

type label struct {
	Name   string   `json:"name"`
	Help   string   `json:"help"`
	Values []string `json:"values,omitempty"` // all there are
	Bound  string   `json:"bound,omitempty"`  // what bounds them, where they are not listed

	ErrorTypes map[string]string `json:"error_types,omitempty"` // the categories of those that are failures
}

type span struct {
	Name       string      `json:"name"`               // {attribute} stands for its value
	Fallback   string      `json:"fallback,omitempty"` // where one of them has no value
	Kind       string      `json:"kind"`
	Help       string      `json:"help"`
	Stability  string      `json:"stability"`
	Attributes []attribute `json:"attributes"`
	Events     []event     `json:"events,omitempty"`
	Links      string      `json:"links,omitempty"` // to what; empty: it has none
}

type event struct {
	Name       string      `json:"name"`
	Help       string      `json:"help"`
	Attributes []attribute `json:"attributes"`
}

type attribute struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Help   string   `json:"help"`
	Values []string `json:"values,omitempty"`
	Always bool     `json:"always"`
}

type line struct {
	Message string       `json:"message"`
	Levels  []slog.Level `json:"levels"`
	Help    string       `json:"help"`
	Fields  []attribute  `json:"fields"`
}

// JSON writes the contract as a JSON document.
func (c Contract) JSON(out io.Writer) error {
	d := document{Resource: attributes(nil, c.Resource, true)}
	for _, m := range c.Metrics {
		d.Metrics = append(d.Metrics, metric{
			Name: m.Name, Type: string(m.Type), Unit: m.Unit, Help: m.Help, Stability: string(m.Stability),
			Labels: labels(m.Labels), Buckets: m.Buckets, Series: m.Series(),
		})
	}
	for _, s := range c.Spans {
		d.Spans = append(d.Spans, span{
			Name: s.Name, Fallback: s.Fallback, Kind: string(s.Kind), Help: s.Help, Stability: string(s.Stability),
			Attributes: attributes(attributes(nil, s.Always, true), s.Sometimes, false), Events: events(s.Events), Links: s.Links,
		})
	}
	if c.Lines != nil {
		d.Fields = fields(catalogue.EveryLine())
	}
	for _, l := range c.Lines {
		d.Lines = append(d.Lines, line{Message: l.Message, Levels: l.Levels, Help: l.Help, Fields: fields(l)})
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return fmt.Errorf("print the catalogue: %w", err)
	}
	return nil
}

func labels(declared []catalogue.Label) []label {
	converted := make([]label, 0, len(declared))
	for _, l := range declared {
		converted = append(converted, label{Name: l.Name, Help: l.Help, Values: l.Values, Bound: l.Bound, ErrorTypes: l.ErrorTypes})
	}
	return converted
}

func events(declared []catalogue.Event) (converted []event) {
	for _, e := range declared {
		converted = append(converted, event{
			Name: e.Name, Help: e.Help, Attributes: attributes(attributes(nil, e.Always, true), e.Sometimes, false),
		})
	}
	return converted
}

func fields(of catalogue.Line) []attribute {
	return attributes(attributes([]attribute{}, of.Always, true), of.Sometimes, false)
}

func attributes(to []attribute, declared []catalogue.Attribute, always bool) []attribute {
	for _, a := range declared {
		to = append(to, attribute{Name: a.Name, Type: string(a.Type), Help: a.Help, Values: a.Values, Always: always})
	}
	return to
}
