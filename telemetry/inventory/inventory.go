// Package inventory knows the metrics of programs that are not ours to declare: Prometheus, Jaeger, the exporters, and the Go
// runtime and process collectors inside our own. They were recorded from the real programs by `lookout inventory record` and
// `lookout inventory refresh`, one text file per scrape job. Metrics of our programs are declared in telemetry/catalogue instead.
package inventory

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// Type is a metric type as the exposition format names it.
type Type string

// The metric types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
	Summary   Type = "summary"
	Untyped   Type = "untyped"
)

// Metric is one metric family that a program exposes.
type Metric struct {
	Name   string
	Type   Type
	Labels []string // sorted; without le and quantile, and without those that the scrape adds
}

// Program is everything that one scrape job exposes.
type Program struct {
	Job     string
	Metrics []Metric // sorted by name
}

//go:embed *.txt
var recorded embed.FS

// Load returns the recorded programs, sorted by job.
func Load() ([]Program, error) {
	files, err := recorded.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read the recorded metrics: %w", err)
	}
	var programs []Program
	for _, file := range files {
		content, err := recorded.ReadFile(file.Name())
		if err != nil {
			return nil, fmt.Errorf("read the recorded metrics: %w", err)
		}
		program, err := Read(strings.TrimSuffix(file.Name(), path.Ext(file.Name())), bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

// Read parses what Write wrote.
func Read(job string, text io.Reader) (Program, error) {
	program := Program{Job: job}
	lines := bufio.NewScanner(text)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.Contains([]Type{Counter, Gauge, Histogram, Summary, Untyped}, Type(fields[1])) {
			return Program{}, fmt.Errorf("inventory of %s, line %d: want `name type label...`, got %q", job, number, line)
		}
		program.Metrics = append(program.Metrics, Metric{Name: fields[0], Type: Type(fields[1]), Labels: fields[2:]})
	}
	if err := lines.Err(); err != nil {
		return Program{}, fmt.Errorf("inventory of %s: %w", job, err)
	}
	return program, nil
}

// Write writes the program as text: a metric a line, name, type and labels.
func (p Program) Write(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# What the job %s exposes, as name, type and labels. Recorded from the running program by\n"+
		"# `lookout inventory record %s`; do not edit.\n", p.Job, p.Job)
	for _, m := range p.Metrics {
		fmt.Fprintln(&text, strings.Join(append([]string{m.Name, string(m.Type)}, m.Labels...), " "))
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the inventory of %s: %w", p.Job, err)
	}
	return nil
}

// Series returns the names under which the metric can be queried.
func (m Metric) Series() []string {
	switch m.Type {
	case Histogram:
		return []string{m.Name + "_bucket", m.Name + "_sum", m.Name + "_count"}
	case Summary:
		return []string{m.Name, m.Name + "_sum", m.Name + "_count"}
	default:
		return []string{m.Name}
	}
}

// SeriesLabels returns the labels of one of the metric's series.
func (m Metric) SeriesLabels(series string) []string {
	switch {
	case m.Type == Histogram && series == m.Name+"_bucket":
		return append(slices.Clone(m.Labels), "le")
	case m.Type == Summary && series == m.Name:
		return append(slices.Clone(m.Labels), "quantile")
	default:
		return m.Labels
	}
}

// Lacks returns an error that names those of the metrics that the program does not expose, or nil.
func (p Program) Lacks(names []string) error {
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(p.Metrics, func(m Metric) bool { return m.Name == name }) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s does not expose %s", p.Job, strings.Join(missing, ", "))
	}
	return nil
}

// Merge adds to p what only other has: metrics that a program exposes only after something has happened, such as a failure.
func (p Program) Merge(other Program) Program {
	byName := map[string]Metric{}
	for _, m := range slices.Concat(other.Metrics, p.Metrics) {
		labels := append(slices.Clone(m.Labels), byName[m.Name].Labels...)
		slices.Sort(labels)
		m.Labels = slices.Compact(labels)
		byName[m.Name] = m
	}
	merged := Program{Job: p.Job}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		merged.Metrics = append(merged.Metrics, byName[name])
	}
	return merged
}
