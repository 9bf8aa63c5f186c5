package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// Unrecorded returns a context in which spans are not recorded, for what is done all the time and says nothing unless it
// fails, such as a look for work. Metrics and logs are as everywhere.
func Unrecorded(ctx context.Context) context.Context {
	var (
		id   trace.TraceID
		span trace.SpanID
	)
	const odd = 1                                                // an id of zeros is none
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|odd)      //nolint:gosec // it is told apart, not guessed
	binary.NativeEndian.PutUint64(id[len(span):], rand.Uint64()) //nolint:gosec // as above
	binary.NativeEndian.PutUint64(span[:], rand.Uint64()|odd)    //nolint:gosec // as above
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span}))
}
