package telemetry

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// databaseInstruments measures the uses of databases.
type databaseInstruments struct {
	telemetry *Telemetry
	duration  *TracedHistogram
	slow      *prometheus.CounterVec
	connects  *prometheus.HistogramVec
}

func newDatabaseInstruments(t *Telemetry) *databaseInstruments {
	return &databaseInstruments{
		telemetry: t,
		duration:  t.Metrics.TracedHistogram(catalogue.DBClientOperationDuration),
		slow:      t.Metrics.Counter(catalogue.DBClientSlowStatements),
		connects:  t.Metrics.Histogram(catalogue.DBClientConnectionCreateTime),
	}
}

// DatabaseHook measures what a bun.DB does: for every statement a client span, with its text but not its values, and a
// duration; a transaction is one such span around its statements, from BEGIN until COMMIT or ROLLBACK has answered.
// Statements hang on it when they are given the context that RunInTx hands to its function. system is the
// db.system.name of the conventions, sqlite or postgresql, and namespace the database's name.
func (t *Telemetry) DatabaseHook(system, namespace string) bun.QueryHook {
	h := t.newHook(system)
	h.operations = append(catalogue.SQLOperations(), catalogue.DBTransaction)
	h.slow = newSlowQueries(t, system)
	if namespace != "" {
		h.common = append(h.common, semconv.DBNamespace(namespace))
	}
	h.transaction = h.statement(statementKey{operation: catalogue.DBTransaction})
	return h
}

func (t *Telemetry) newHook(system string) *databaseHook {
	return &databaseHook{
		instruments: t.database, spans: t.spans, system: system,
		common: []attribute.KeyValue{semconv.DBSystemNameKey.String(system)},
		shapes: newShapes(), operations: catalogue.RedisOperations(),
	}
}

type databaseHook struct {
	instruments *databaseInstruments
	spans       *spanSource
	system      string
	common      []attribute.KeyValue // of every span

	operations  []string // that are told apart; the rest are catalogue.DBOtherOperation
	statements  table[statementKey, *statement]
	transaction *statement
	shapes      *shapes
	slow        *slowQueries // nil where there are no statements
}

// What bun says when it begins and ends a transaction; only then is there no query beside the text.
const (
	begin    = "BEGIN"
	commit   = "COMMIT"
	rollback = "ROLLBACK"
)

func isBoundary(event *bun.QueryEvent) bool {
	return event.IQuery == nil && (event.Query == begin || event.Query == commit || event.Query == rollback)
}

func (h *databaseHook) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if isBoundary(event) {
		return h.beforeBoundary(ctx, event)
	}
	ctx, _ = h.start(ctx, h.statementOf(event), event.StartTime)
	return ctx
}

// start begins a span, where it would be recorded: in a trace that is not, nothing is spent on one. The sampler judges
// by the name alone, so the attributes can wait until all of them are known.
func (h *databaseHook) start(ctx context.Context, s *statement, at time.Time) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if sc := parent.SpanContext(); sc.IsValid() && !sc.IsSampled() && !parent.IsRecording() {
		return ctx, parent
	}
	return h.spans.begin(ctx, s.span, at)
}

func (h *databaseHook) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	end := time.Now()
	if isBoundary(event) {
		h.afterBoundary(ctx, event, end)
		return
	}
	s, own, category := h.statementOf(event), trace.SpanFromContext(ctx), h.category(ctx, event.Err)
	duration := end.Sub(event.StartTime)
	s.observe(own, duration, end, category)
	recorded, _ := own.(*span)
	slow := h.slow.covers(duration)
	if recorded != nil || slow {
		shape, rows := h.shapes.of(event.Query), rowsOf(event)
		if recorded != nil {
			s.describe(recorded, shape, rows)
			recordFailure(recorded, failure{category, h.statusCode(event.Err)}, event.Err)
		}
		if slow {
			h.slow.note(ctx, slowStatement{s, shape, rows, duration, category, event}, end)
		}
	}
	if recorded != nil {
		recorded.endAt(end)
	}
	if category != "" {
		if t := transactionOf(ctx); t != nil {
			t.failed(category, h.statusCode(event.Err))
		}
	}
}

// rows is how many rows a statement returned or changed.
type rows struct {
	attribute string // empty when it is not known
	n         int64
}

func rowsOf(event *bun.QueryEvent) rows {
	if event.Result == nil || event.Err != nil {
		return rows{}
	}
	var name string
	switch strings.ToUpper(event.Operation()) {
	case "SELECT":
		name = string(semconv.DBResponseReturnedRowsKey)
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		name = catalogue.DBAffectedRows
	default:
		return rows{}
	}
	n, err := event.Result.RowsAffected()
	if err != nil {
		return rows{}
	}
	return rows{name, n}
}

// recordFailure says on the span what went wrong, if anything did.
func recordFailure(span trace.Span, f failure, err error) {
	if f.category == "" {
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(f.category))
	span.SetStatus(codes.Error, "")
	if f.code != "" {
		span.SetAttributes(semconv.DBResponseStatusCode(f.code))
	}
	if err != nil {
		recordException(span, err, f.code)
	}
}

// recordException adds the error to the span. PostgreSQL repeats the value that it could not make sense of, so such a
// message is left out: https://www.postgresql.org/docs/current/errcodes-appendix.html, class 22.
func recordException(span trace.Span, err error, code string) {
	const dataException = "22"
	if len(code) == sqlStateLength && strings.HasPrefix(code, dataException) {
		span.AddEvent("exception", trace.WithAttributes(semconv.ExceptionType("SQLSTATE "+code)))
		return
	}
	span.RecordError(err)
}
