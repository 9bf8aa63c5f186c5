package home

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// maxRows bounds the waterfall; a trace of more spans is cut and says so.
const maxRows = 2000

// waterfall is a trace as the page draws it.
type waterfall struct {
	Summary  traceSummary
	Services []string
	Rows     []row
	Cut      int // spans not shown
	Resource []attribute
}

// row is one span. X and Width are in plotWidth.
type row struct {
	ID         string
	Depth      int
	Name       string
	Service    string
	Kind       string
	X, Width   string
	Start      time.Duration // after the trace's first span
	Duration   time.Duration
	Failed     bool
	Reason     string
	Attributes []attribute
	Events     []event
	Warnings   []string
}

type event struct {
	After      time.Duration // the trace's first span
	Name       string
	Attributes []attribute
}

// newWaterfall orders spans as a tree: children below their parent by start time. A span whose parent is missing stands
// at the top level, so that nothing is hidden.
func newWaterfall(t jaegerTrace) waterfall {
	w := waterfall{Summary: summarize(t)}
	first, last := t.Spans[0].StartTime, t.Spans[0].StartTime
	present := map[string]bool{}
	for _, s := range t.Spans {
		first, last = min(first, s.StartTime), max(last, s.StartTime+s.Duration)
		present[s.SpanID] = true
		if name := t.Processes[s.ProcessID].ServiceName; !slices.Contains(w.Services, name) {
			w.Services = append(w.Services, name)
		}
	}
	builder := rowBuilder{trace: t, first: first, length: max(1, last-first), children: map[string][]jaegerSpan{}}
	for _, s := range t.Spans {
		parent := s.parent()
		if !present[parent] {
			parent = ""
		}
		builder.children[parent] = append(builder.children[parent], s)
	}
	builder.add("", 0)
	builder.addUnreachable()
	w.Rows = builder.rows
	if len(w.Rows) > maxRows {
		w.Cut, w.Rows = len(w.Rows)-maxRows, w.Rows[:maxRows]
	}
	w.Resource = attributes(t.Processes[rootOf(t.Spans).ProcessID].Tags)
	return w
}

type rowBuilder struct {
	trace         jaegerTrace
	first, length int64
	children      map[string][]jaegerSpan
	rows          []row
}

// add appends the children of a span and takes them off the tree, so that spans which name each other as parents end.
func (b *rowBuilder) add(parent string, depth int) {
	children := b.children[parent]
	delete(b.children, parent)
	slices.SortStableFunc(children, func(x, y jaegerSpan) int { return cmp.Compare(x.StartTime, y.StartTime) })
	for _, s := range children {
		b.rows = append(b.rows, b.row(s, depth))
		b.add(s.SpanID, depth+1)
	}
}

// addUnreachable shows spans that no root leads to.
func (b *rowBuilder) addUnreachable() {
	for _, s := range b.trace.Spans {
		if _, left := b.children[s.parent()]; left {
			b.add(s.parent(), 0)
		}
	}
}

func (b *rowBuilder) row(s jaegerSpan, depth int) row {
	scale := func(microseconds int64) float64 { return plotWidth * float64(microseconds) / float64(b.length) }
	width := max(2, scale(s.Duration))
	r := row{
		ID: s.SpanID, Depth: min(depth, 12), Name: s.Operation, Service: b.trace.Processes[s.ProcessID].ServiceName,
		Kind: tagValue(s.Tags, "span.kind"), Start: time.Duration(s.StartTime-b.first) * time.Microsecond,
		Duration: time.Duration(s.Duration) * time.Microsecond, Failed: s.failed(), Attributes: attributes(s.Tags),
		Warnings: s.Warnings, X: coordinate(min(scale(s.StartTime-b.first), plotWidth-width)), Width: coordinate(width),
	}
	if r.Failed {
		r.Reason = s.reason()
	}
	for _, l := range s.Logs {
		name := cmp.Or(tagValue(l.Fields, "event"), "event")
		fields := slices.DeleteFunc(attributes(l.Fields), func(a attribute) bool { return a.Name == "event" })
		r.Events = append(r.Events, event{
			After: time.Duration(l.Timestamp-b.first) * time.Microsecond, Name: name, Attributes: fields,
		})
	}
	return r
}

// Precise writes a duration with three digits, for spans.
func precise(d time.Duration) string { return seconds(d.Seconds()) }

// Several says whether the trace crosses services.
func (w waterfall) Several() bool { return len(w.Services) > 1 }

// ServiceList names the services of the trace.
func (w waterfall) ServiceList() string { return strings.Join(w.Services, ", ") }
