package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// transaction is one under way. bun keeps the context that its BEGIN leaves, hands it to the statements, and ends with
// it, so that the transaction is found there.
type transaction struct {
	span    trace.Span
	start   time.Time
	failure atomic.Pointer[failure] // of the first statement that failed
	ended   atomic.Bool
}

// failure is how something failed: its category, and the database's code for it.
type failure struct{ category, code string }

type transactionKey struct{}

func transactionOf(ctx context.Context) *transaction {
	t, _ := ctx.Value(transactionKey{}).(*transaction)
	return t
}

// failed notes that a statement failed.
func (t *transaction) failed(category, code string) {
	t.failure.CompareAndSwap(nil, &failure{category, code})
}

func (h *databaseHook) beforeBoundary(ctx context.Context, event *bun.QueryEvent) context.Context {
	if event.Query != begin {
		return ctx
	}
	t := &transaction{start: event.StartTime}
	ctx, t.span = h.start(ctx, h.transaction, event.StartTime)
	return context.WithValue(ctx, transactionKey{}, t)
}

func (h *databaseHook) afterBoundary(ctx context.Context, event *bun.QueryEvent, end time.Time) {
	t := transactionOf(ctx)
	ended := failure{h.category(ctx, event.Err), h.statusCode(event.Err)}
	switch {
	case t == nil || event.Query == begin && event.Err == nil:
	case t.ended.Swap(true):
		h.endAgain(ctx, event, ended, end)
	case event.Query == begin:
		h.endTransaction(t, catalogue.TransactionFailed, ended, event.Err, end)
	case event.Query == commit && event.Err == nil:
		h.endTransaction(t, catalogue.TransactionCommitted, ended, nil, end)
	case event.Query == commit:
		h.endTransaction(t, catalogue.TransactionFailed, ended, event.Err, end)
	default:
		if statement := t.failure.Load(); ended.category == "" && statement != nil {
			ended = *statement
		}
		ended.category = cmp.Or(ended.category, categoryOfEnd(ctx))
		h.endTransaction(t, catalogue.TransactionRolledBack, ended, event.Err, end)
	}
}

func (h *databaseHook) endTransaction(t *transaction, outcome string, f failure, err error, end time.Time) {
	h.transaction.observe(t.span, end.Sub(t.start), end, f.category)
	if t.span.IsRecording() {
		t.span.SetAttributes(attribute.String(catalogue.DBTransactionOutcome, outcome))
		recordFailure(t.span, f, err)
		t.span.End(trace.WithTimestamp(end))
	}
}

// endAgain shows the mistake of ending a transaction that has ended. A deferred ROLLBACK after the COMMIT is none: it
// does nothing, and is how one makes sure.
func (h *databaseHook) endAgain(ctx context.Context, event *bun.QueryEvent, f failure, end time.Time) {
	if event.Query == rollback && errors.Is(event.Err, sql.ErrTxDone) {
		return
	}
	_, span := h.start(ctx, h.transaction, event.StartTime)
	h.endTransaction(&transaction{span: span, start: event.StartTime}, catalogue.TransactionFailed, f, event.Err, end)
}
