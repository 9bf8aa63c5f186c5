package home

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// traceIDPattern is a trace id in hexadecimal; Jaeger drops leading zeros of the 32 digits.
var traceIDPattern = regexp.MustCompile(`^[0-9a-f]{1,32}$`)

// jaegerAnswer is the part of Jaeger's query API that the page reads. Times are microseconds since 1970.
type jaegerAnswer struct {
	Data []jaegerTrace `json:"data"`
}

type jaegerTrace struct {
	TraceID   string                   `json:"traceID"`
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
}

type jaegerProcess struct {
	ServiceName string      `json:"serviceName"`
	Tags        []jaegerTag `json:"tags"`
}

type jaegerSpan struct {
	SpanID     string `json:"spanID"`
	Operation  string `json:"operationName"`
	References []struct {
		Type   string `json:"refType"`
		SpanID string `json:"spanID"`
	} `json:"references"`
	StartTime int64       `json:"startTime"`
	Duration  int64       `json:"duration"`
	Tags      []jaegerTag `json:"tags"`
	Logs      []jaegerLog `json:"logs"`
	ProcessID string      `json:"processID"`
	Warnings  []string    `json:"warnings"`
}

type jaegerTag struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

type jaegerLog struct {
	Timestamp int64       `json:"timestamp"`
	Fields    []jaegerTag `json:"fields"`
}

// text is the value without JSON's quotes.
func (t jaegerTag) text() string {
	var s string
	if json.Unmarshal(t.Value, &s) == nil {
		return s
	}
	return string(t.Value)
}

func tagValue(tags []jaegerTag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.text()
		}
	}
	return ""
}

func (s *jaegerSpan) parent() string {
	for _, reference := range s.References {
		if reference.Type == "CHILD_OF" {
			return reference.SpanID
		}
	}
	return ""
}

func (s *jaegerSpan) failed() bool { return tagValue(s.Tags, "error") == "true" }

// reason says why a failed span failed, in the first words that there are.
func (s *jaegerSpan) reason() string {
	for _, l := range s.Logs {
		if message := tagValue(l.Fields, "exception.message"); message != "" {
			return message
		}
	}
	return cmp.Or(tagValue(s.Tags, "otel.status_description"), tagValue(s.Tags, "error.type"))
}

// failedStatuses are the answers that count as failed requests. Traces are searched by them and not by error=true:
// Jaeger's memory store reads that value as a boolean, gets a string, and finds nothing (seen in 1.76).
var failedStatuses = []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// errorTraces returns the latest traces of requests answered with a server error in the last hour, newest first.
func errorTraces(ctx context.Context, client *http.Client, base, service string, now time.Time, limit int) ([]traceSummary, error) {
	answers := make([]jaegerAnswer, len(failedStatuses))
	var searches errgroup.Group
	for i, status := range failedStatuses {
		query := url.Values{
			"service": {service}, "tags": {fmt.Sprintf(`{"http.response.status_code":"%d"}`, status)}, "limit": {strconv.Itoa(limit)},
			"start": {strconv.FormatInt(now.Add(-time.Hour).UnixMicro(), 10)},
			"end":   {strconv.FormatInt(now.UnixMicro(), 10)},
		}
		searches.Go(func() error {
			return getJSON(ctx, client, "Jaeger", base, "/api/traces?"+query.Encode(), &answers[i])
		})
	}
	if err := searches.Wait(); err != nil {
		return nil, err
	}
	summaries := []traceSummary{}
	for _, answer := range answers {
		for _, t := range answer.Data {
			if len(t.Spans) > 0 && traceIDPattern.MatchString(t.TraceID) {
				summaries = append(summaries, summarize(t))
			}
		}
	}
	slices.SortFunc(summaries, func(a, b traceSummary) int { return b.At.Compare(a.At) })
	return summaries[:min(limit, len(summaries))], nil
}

// traceSummary is a trace in one line.
type traceSummary struct {
	ID       string
	At       time.Time
	Name     string // of the root span
	Status   string // HTTP status of the root span
	Reason   string // of the deepest failure
	Duration time.Duration
	Spans    int
	Injected bool // a drill did it
}

func summarize(t jaegerTrace) traceSummary {
	root := rootOf(t.Spans)
	s := traceSummary{
		ID: t.TraceID, At: time.UnixMicro(root.StartTime), Name: root.Operation, Spans: len(t.Spans),
		Status: tagValue(root.Tags, "http.response.status_code"), Duration: time.Duration(root.Duration) * time.Microsecond,
	}
	var latest int64
	for i := range t.Spans {
		span := &t.Spans[i]
		if tagValue(span.Tags, "fault.injected") != "" {
			s.Injected = true
		}
		// The cause is where the failure began: the failed span that started last.
		if reason := span.reason(); span.failed() && reason != "" && span.StartTime >= latest {
			s.Reason, latest = reason, span.StartTime
		}
	}
	return s
}

// rootOf is the earliest span without a parent in the trace.
func rootOf(spans []jaegerSpan) jaegerSpan {
	present := map[string]bool{}
	for _, s := range spans {
		present[s.SpanID] = true
	}
	var root *jaegerSpan
	for i := range spans {
		s := &spans[i]
		if !present[s.parent()] && (root == nil || s.StartTime < root.StartTime) {
			root = s
		}
	}
	if root == nil {
		return spans[0] // every span names another as its parent: the trace is broken, but it can be shown
	}
	return *root
}

// oneTrace reads a trace by its id; errNotFound when Jaeger does not have it.
func oneTrace(ctx context.Context, client *http.Client, base, id string) (jaegerTrace, error) {
	var answer jaegerAnswer
	if err := getJSON(ctx, client, "Jaeger", base, "/api/traces/"+url.PathEscape(id), &answer); err != nil {
		return jaegerTrace{}, err
	}
	if len(answer.Data) == 0 || len(answer.Data[0].Spans) == 0 {
		return jaegerTrace{}, fmt.Errorf("Jaeger at %s: trace %s: %w", base, id, errNotFound) //nolint:staticcheck // a name
	}
	return answer.Data[0], nil
}

// attribute is a name and a value for the page.
type attribute struct{ Name, Value string }

func attributes(tags []jaegerTag) []attribute {
	values := map[string]string{}
	for _, t := range tags {
		values[t.Key] = t.text()
	}
	list := make([]attribute, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, attribute{Name: name, Value: values[name]})
	}
	return list
}
