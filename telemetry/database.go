package telemetry

import (
	"context"
	"database/sql"
	"errors"
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

// databaseInstruments measures statements that go through bun.
type databaseInstruments struct {
	telemetry *Telemetry
	duration  *prometheus.HistogramVec
}

func newDatabaseInstruments(t *Telemetry) *databaseInstruments {
	return &databaseInstruments{telemetry: t, duration: t.Metrics.Histogram(catalogue.DBClientOperationDuration)}
}

// DatabaseHook measures every statement of a bun.DB: a client span, a duration, and the text with its values left out.
// system is the db.system.name of the conventions: sqlite or postgresql.
func (t *Telemetry) DatabaseHook(system string) bun.QueryHook {
	return &databaseHook{instruments: t.database, system: system}
}

// WatchPool exposes the state of a connection pool, read when it is scraped.
func (t *Telemetry) WatchPool(system string, stats func() sql.DBStats) {
	m := t.Metrics
	m.registry.MustRegister(&poolCollector{system: system, stats: stats})
}

type databaseHook struct {
	instruments *databaseInstruments
	system      string
}

func (h *databaseHook) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	operation, collection := describe(event)
	ctx, span := h.instruments.telemetry.tracer.Start(ctx, strings.TrimSpace(operation+" "+collection),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(event.StartTime))
	if span.IsRecording() {
		span.SetAttributes(
			semconv.DBSystemNameKey.String(h.system),
			semconv.DBOperationName(operation),
			semconv.DBQueryText(sanitizeSQL(event.Query)),
		)
		if collection != "" {
			span.SetAttributes(semconv.DBCollectionName(collection))
		}
	}
	return ctx
}

func (h *databaseHook) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	end := time.Now()
	operation, collection := describe(event)
	span := trace.SpanFromContext(ctx)
	errorType := databaseErrorType(event.Err)
	if span.IsRecording() {
		if errorType != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
			span.SetStatus(codes.Error, "")
			span.RecordError(event.Err)
		}
		if code := sqlState(event.Err); code != "" {
			span.SetAttributes(semconv.DBResponseStatusCode(code))
		}
		if event.Result != nil && operation == "SELECT" {
			if rows, err := event.Result.RowsAffected(); err == nil {
				span.SetAttributes(attribute.Int64("db.response.returned_rows", rows))
			}
		}
	}
	span.End(trace.WithTimestamp(end))
	h.instruments.duration.
		WithLabelValues(h.system, operationLabel(operation), collection, errorType).
		Observe(end.Sub(event.StartTime).Seconds())
}

// describe names the statement: its SQL command and its table.
func describe(event *bun.QueryEvent) (operation, collection string) {
	operation = strings.ToUpper(event.Operation())
	if event.IQuery != nil {
		collection = strings.Trim(event.IQuery.GetTableName(), `"`)
	}
	return operation, collection
}

// operationLabel keeps the set of label values small: the rarer commands share one.
func operationLabel(operation string) string {
	switch operation {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return operation
	case "BEGIN", "COMMIT", "ROLLBACK":
		return "transaction"
	}
	return "OTHER"
}

// databaseErrorType is the category of a statement's error. No rows is an answer, not an error.
func databaseErrorType(err error) string {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return ""
	case errors.Is(err, context.Canceled):
		return catalogue.ErrorCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return catalogue.ErrorTimeout
	}
	return catalogue.ErrorDependency
}

// sqlState is the five-character code that PostgreSQL gives with an error. The driver is known by its method only, so
// that a service without PostgreSQL does not link it.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// StartDatabase measures a use of a database that bun knows nothing of, such as Redis: a client span, which the context
// carries, and a duration. system is the db.system.name of the conventions and operation one of catalogue.DBOperation.
// The caller ends it with the outcome.
func (t *Telemetry) StartDatabase(ctx context.Context, system, operation string) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := t.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(start),
		trace.WithAttributes(semconv.DBSystemNameKey.String(system), semconv.DBOperationName(operation)))
	return ctx, func(err error) {
		end := time.Now()
		errorType := databaseErrorType(err)
		if errorType != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
			span.SetStatus(codes.Error, "")
			span.RecordError(err)
		}
		span.End(trace.WithTimestamp(end))
		t.database.duration.WithLabelValues(system, operation, "", errorType).Observe(end.Sub(start).Seconds())
	}
}
