package telemetry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// mostStatements bounds the kinds of statements told apart. A service has some dozens; one that writes table names into
// its SQL has more than can be counted, and the rest is then told apart by the command alone.
const mostStatements = 512

// statementKey tells kinds of statements apart.
type statementKey struct{ operation, collection string }

// statement is a kind of statement: all that is the same for each of its kind, made once.
type statement struct {
	statementKey

	label string // of the operation, in metrics
	span  *spanTemplate

	series func(category string) *TracedSeries
	done   *TracedSeries // the series of those without an error
}

func (h *databaseHook) newStatement(key statementKey) *statement {
	attributes := append(slices.Clone(h.common), semconv.DBOperationName(key.operation))
	if key.collection != "" {
		attributes = append(attributes, semconv.DBCollectionName(key.collection))
	}
	name := strings.TrimSpace(key.operation + " " + key.collection)
	s := &statement{statementKey: key, label: h.label(key.operation), span: newSpanTemplate(name, trace.SpanKindClient, attributes...)}
	failures := table[string, *TracedSeries]{}
	newSeries := func(category string) *TracedSeries {
		return h.instruments.duration.WithLabelValues(h.system, s.label, key.collection, category)
	}
	s.series = func(category string) *TracedSeries {
		series, _ := failures.get(category, len(catalogue.ErrorType.Values), newSeries)
		return series
	}
	s.done = s.series("")
	if h.slow != nil && key.operation != catalogue.DBTransaction {
		h.slow.expect(s.label, key.collection)
	}
	return s
}

// describe says on the span what was done, and to how many rows.
func (s *statement) describe(span *span, shape *shape, rows rows) {
	var attributes []attribute.KeyValue
	if rows.attribute != "" {
		attributes = []attribute.KeyValue{attribute.Int64(rows.attribute, rows.n)}
	}
	span.describe(shape.spanOf(s), attributes)
}

// observe records a duration. The statement of a recorded span becomes the exemplar of its bucket when that is due for a
// new one.
func (s *statement) observe(span trace.Span, duration time.Duration, end time.Time, category string) {
	series := s.done
	if category != "" {
		series = s.series(category)
	}
	series.observeAt(span, duration.Seconds(), end)
}

// statementOf says what kind of statement it is.
func (h *databaseHook) statementOf(event *bun.QueryEvent) *statement {
	var key statementKey
	if _, raw := event.IQuery.(*bun.RawQuery); event.IQuery == nil || raw {
		key.operation, key.collection = summarize(event.Query)
	} else {
		key.operation, key.collection = event.IQuery.Operation(), tableName(event.IQuery.GetTableName())
	}
	return h.statement(key)
}

func (h *databaseHook) statement(key statementKey) *statement {
	s, ok := h.statements.get(key, mostStatements, h.newStatement)
	if !ok {
		key = statementKey{operation: h.label(key.operation)}
		s, _ = h.statements.get(key, mostStatements+len(h.operations)+1, h.newStatement)
	}
	return s
}

// label keeps the set of label values small: the rarer commands share one.
func (h *databaseHook) label(operation string) string {
	if slices.Contains(h.operations, operation) {
		return operation
	}
	return catalogue.DBOtherOperation
}

// tableName is the name of the table in what bun says of it, which may be quoted, renamed, or a query.
func tableName(said string) string {
	name, _, _ := strings.Cut(said, " ")
	return identifier(strings.Trim(name, `"`))
}

// identifier returns the name of a table; empty when it is none. Both databases take longer ones, but nobody writes them.
func identifier(name string) string {
	const longest = 63
	if name == "" || len(name) > longest || isDigit(name[0]) {
		return ""
	}
	for i := range len(name) {
		if !isWord(name[i]) && name[i] != '.' {
			return ""
		}
	}
	return name
}

// table holds what is made once for each key. Reading takes no lock.
type table[K comparable, V any] struct {
	current atomic.Pointer[map[K]V]
	mu      sync.Mutex
}

// get returns the value of the key, which is made when it is the first time. It reports false where there are as many as
// may be.
func (t *table[K, V]) get(key K, most int, create func(K) V) (V, bool) {
	if known := t.current.Load(); known != nil {
		if value, ok := (*known)[key]; ok {
			return value, true
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := map[K]V{}
	if known := t.current.Load(); known != nil {
		if value, ok := (*known)[key]; ok {
			return value, true
		}
		next = maps.Clone(*known)
	}
	if len(next) >= most {
		var none V
		return none, false
	}
	next[key] = create(key)
	t.current.Store(&next)
	return next[key], true
}
