package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	// mostShapes bounds the texts that are kept. Those that come later are made anew each time.
	mostShapes = 1024
	// longestText bounds what is shown of a statement, in bytes. Its beginning and its tables are in it.
	longestText = 4 << 10
	// slowLogInterval bounds how often the same statement is logged as slow, and planInterval how often it is explained.
	slowLogInterval = time.Second
	planInterval    = time.Minute
)

// shape is the text of statements that differ in their values only.
type shape struct {
	span    atomic.Pointer[shapeSpan]
	text    string
	single  bool         // it is one statement only
	nextLog atomic.Int64 // Unix time in ns
	omitted atomic.Int64 // slow ones that were not logged since the last that was
	plan    atomic.Int64 // Unix time in ns from which it can be explained again
}

func newShape(text []byte) *shape {
	single := !bytes.ContainsRune(text, ';')
	if len(text) > longestText {
		text = text[:longestText]
	}
	return &shape{text: strings.ToValidUTF8(string(text), "\uFFFD"), single: single}
}

// shapeSpan is what the spans of one kind of statement have in common when they have one text, too.
type shapeSpan struct {
	statement *statement
	template  *spanTemplate
}

// spanOf returns what the spans of the statement have in common. All statements of a shape are of one kind, or nearly all:
// one of another kind takes its place.
func (s *shape) spanOf(of *statement) *spanTemplate {
	if known := s.span.Load(); known != nil && known.statement == of {
		return known.template
	}
	t := of.span
	made := newSpanTemplate(t.name, t.kind, append(slices.Clone(t.attributes), semconv.DBQueryText(s.text))...)
	s.span.Store(&shapeSpan{of, made})
	return made
}

// shapes keeps the shapes seen, so that their texts are made once.
type shapes struct {
	mu      sync.RWMutex
	known   map[string]*shape
	buffers sync.Pool
}

func newShapes() *shapes {
	return &shapes{known: map[string]*shape{}, buffers: sync.Pool{New: func() any { return new([]byte) }}}
}

// of returns the shape of a statement.
func (s *shapes) of(query string) *shape {
	buffer, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	text := appendSanitized((*buffer)[:0], withoutSavepoint(query))
	*buffer = text
	s.mu.RLock()
	known := s.known[string(text)]
	s.mu.RUnlock()
	if known != nil {
		return known
	}
	made := newShape(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[string(text)]; known != nil {
		return known
	}
	if len(s.known) < mostShapes {
		s.known[string(text)] = made
	}
	return made
}

// withoutSavepoint leaves out the name of a savepoint, which bun makes up.
func withoutSavepoint(query string) string {
	for _, command := range []string{"SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"} {
		if strings.HasPrefix(query, command+" ") {
			return command
		}
	}
	return query
}

// slowQueries logs statements that take long, and their plans where that is asked for.
type slowQueries struct {
	logger    *slog.Logger
	system    string
	threshold time.Duration // 0: nothing is slow
	counter   *prometheus.CounterVec
	plans     bool
	planning  atomic.Bool
}

func newSlowQueries(t *Telemetry, system string) *slowQueries {
	return &slowQueries{
		logger: t.Logger, system: system, threshold: t.config.SlowQuery, plans: t.config.SlowQueryPlan, counter: t.database.slow,
	}
}

// expect makes the series of a kind of statement, so that its first slow one is an increase.
func (q *slowQueries) expect(operation, collection string) {
	if q.threshold > 0 {
		q.counter.WithLabelValues(q.system, operation, collection)
	}
}

func (q *slowQueries) covers(duration time.Duration) bool {
	return q.threshold > 0 && duration >= q.threshold
}

// slowStatement is a statement that took long.
type slowStatement struct {
	*statement

	shape    *shape
	rows     rows
	took     time.Duration
	category string
	event    *bun.QueryEvent
}

// note counts the statement, and logs it unless the same was logged a moment ago: a database that is overloaded makes
// everything slow.
func (q *slowQueries) note(ctx context.Context, s slowStatement, now time.Time) {
	q.counter.WithLabelValues(q.system, s.label, s.collection).Inc()
	if !isDue(&s.shape.nextLog, now, slowLogInterval) {
		s.shape.omitted.Add(1)
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.String("db.system.name", q.system),
		slog.String("db.operation.name", s.operation),
		slog.String("db.collection.name", s.collection),
		slog.String("db.query.text", s.shape.text),
		slog.Float64("db.client.operation.duration", s.took.Seconds()),
	)
	if s.rows.attribute != "" {
		attrs = append(attrs, slog.Int64(s.rows.attribute, s.rows.n))
	}
	if s.category != "" {
		attrs = append(attrs, slog.String("error.type", s.category))
	}
	if omitted := s.shape.omitted.Swap(0); omitted > 0 {
		attrs = append(attrs, slog.Int64("omitted", omitted))
	}
	q.logger.LogAttrs(ctx, slog.LevelWarn, "slow statement", attrs...)
	if q.plans {
		q.explain(ctx, s, now)
	}
}

// explain asks for the plan behind the statement's back: one at a time, so that it adds little to what may be too much
// for the database already.
func (q *slowQueries) explain(ctx context.Context, s slowStatement, now time.Time) {
	if !explainable(s) || !q.planning.CompareAndSwap(false, true) {
		return
	}
	if !isDue(&s.shape.plan, now, planInterval) {
		q.planning.Store(false)
		return
	}
	ctx = context.WithoutCancel(ctx)
	db, query := s.event.DB.DB, s.event.Query
	go func() {
		defer q.planning.Store(false)
		ctx, cancel := context.WithTimeout(ctx, planTimeout)
		defer cancel()
		text := slog.String("db.query.text", s.shape.text)
		plan, err := queryPlan(ctx, db, q.system, query)
		if err != nil {
			// Its message may hold values of the statement.
			q.logger.LogAttrs(ctx, slog.LevelInfo, "a slow statement could not be explained", text)
			return
		}
		q.logger.LogAttrs(ctx, slog.LevelWarn, "plan of a slow statement", text, slog.String(catalogue.DBQueryPlan, plan))
	}()
}

// isDue reports whether the time has come, and sets the next.
func isDue(next *atomic.Int64, now time.Time, interval time.Duration) bool {
	due := next.Load()
	return now.UnixNano() >= due && next.CompareAndSwap(due, now.Add(interval).UnixNano())
}
