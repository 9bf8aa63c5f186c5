package telemetry

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// StartDatabase measures a use of a database that bun knows nothing of, such as Redis: a client span, which the context
// carries, and a duration. system is the db.system.name of the conventions and operation one of catalogue.DBOperation.
// The caller ends it with the outcome.
func (t *Telemetry) StartDatabase(ctx context.Context, system, operation string) (context.Context, func(error)) {
	start := time.Now()
	hook := t.datastores.of(t, system)
	s := hook.statement(statementKey{operation: operation})
	ctx, span := hook.start(ctx, s, start)
	return ctx, func(err error) {
		end := time.Now()
		category := datastoreError(err)
		s.observe(span, end.Sub(start), end, category)
		if !span.IsRecording() {
			return
		}
		if category != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(category))
			if code := answerCode(err); code != "" {
				span.SetAttributes(semconv.DBResponseStatusCode(code))
			}
			span.SetStatus(codes.Error, "")
			span.RecordError(err)
		}
		span.End(trace.WithTimestamp(end))
	}
}

// BatchSize says on the span of StartDatabase how many commands are sent at once.
func BatchSize(ctx context.Context, n int) {
	trace.SpanFromContext(ctx).SetAttributes(semconv.DBOperationBatchSize(n))
}

// datastores holds the hooks by whose statements uses of databases are measured that bun knows nothing of.
type datastores struct{ hooks table[string, *databaseHook] }

func (d *datastores) of(t *Telemetry, system string) *databaseHook {
	const most = 16
	hook, ok := d.hooks.get(system, most, t.newHook)
	if !ok {
		hook = t.newHook(system)
	}
	return hook
}

// datastoreError is the category of an error of a use of Redis.
func datastoreError(err error) string {
	switch answerCode(err) {
	case "":
		return reachError(err)
	case "ERR", "WRONGTYPE", "NOSCRIPT", "CROSSSLOT", "EXECABORT": // what was asked is wrong
		return catalogue.ErrorInternal
	}
	return catalogue.ErrorDependency // it answers that it cannot: LOADING, READONLY, OOM, NOAUTH and the like
}

// answerCode is the first word of an error that Redis answers with; empty for errors on the way to it. The client
// library is known by its method only, as drivers are.
func answerCode(err error) string {
	var answer interface {
		error
		RedisError()
	}
	if !errors.As(err, &answer) {
		return ""
	}
	code, _, _ := strings.Cut(answer.Error(), " ")
	return code
}
