package sandbox

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// mostTraces bounds the traces that are remembered.
const mostTraces = 1024

// traces remembers which trace asked for a payment, so that what the sandbox delivers about it, a moment later, is part
// of the same. It is a help to who reads traces: nothing is lost with it when the process ends.
type traces struct {
	mu sync.Mutex
	of map[string]trace.SpanContext // by the intent's ref
}

func (t *traces) keep(ctx context.Context, ref string) {
	sc := trace.SpanContextFromContext(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || len(t.of) >= mostTraces { // the old ones were delivered long ago, or by others
		t.of = map[string]trace.SpanContext{}
	}
	if sc.IsValid() {
		t.of[ref] = sc
	}
}

func (t *traces) resume(ctx context.Context, ref string) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sc, known := t.of[ref]; known {
		return trace.ContextWithSpanContext(ctx, sc)
	}
	return ctx
}
