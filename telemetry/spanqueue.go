package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	batchSize     = 512              // spans a request; the OpenTelemetry SDK's default
	exportTimeout = 10 * time.Second // for one request; the OTLP exporter's default
	firstRetry    = 500 * time.Millisecond
	slowestRetry  = 10 * time.Second
)

// spanQueue is a span processor that holds finished spans in a bounded queue and sends them in batches. The SDK's own
// batch processor drops silently; this one counts what it drops, keeps a refused batch until the collector is back, and
// says in one line that it went away and in one that it came back. A span that is queued wakes nobody, which would cost
// more than all else: a whole batch does, or the time.
type spanQueue struct {
	exporter sdktrace.SpanExporter
	interval time.Duration
	endpoint string
	logger   *slog.Logger

	mu      sync.Mutex
	waiting []sdktrace.ReadOnlySpan // a ring
	first   int                     // the oldest in it
	length  int
	enough  int           // that many are a batch
	batch   chan struct{} // says that there is one

	flush    chan chan error
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	abort    context.CancelFunc // ends a retry when time is up
	aborted  context.Context

	away       bool         // the collector refused the last batch; the worker's alone
	awaySince  time.Time    // the worker's alone
	dropped    atomic.Int64 // since it was last said
	unsent     atomic.Int64 // spans still held when the queue was stopped
	queued     prometheus.Counter
	queueFull  prometheus.Counter
	exported   prometheus.Counter
	exportFail prometheus.Counter
	rejected   prometheus.Counter
}

func newSpanQueue(exporter sdktrace.SpanExporter, config Config, metrics *Metrics, logger *slog.Logger) *spanQueue {
	processed := metrics.Counter(catalogue.SpansProcessed)
	exported := metrics.Counter(catalogue.SpansExported)
	q := &spanQueue{
		exporter:   exporter,
		interval:   config.ExportInterval,
		endpoint:   config.OTLPEndpoint,
		logger:     logger,
		waiting:    make([]sdktrace.ReadOnlySpan, config.SpanQueue),
		enough:     min(batchSize, config.SpanQueue),
		batch:      make(chan struct{}, 1),
		flush:      make(chan chan error),
		stop:       make(chan struct{}),
		done:       make(chan struct{}),
		queued:     processed.WithLabelValues(""),
		queueFull:  processed.WithLabelValues("queue_full"),
		exported:   exported.WithLabelValues(""),
		exportFail: exported.WithLabelValues("unavailable"),
		rejected:   exported.WithLabelValues("rejected"),
	}
	q.aborted, q.abort = context.WithCancel(context.Background())
	metrics.GaugeFunc(catalogue.SpanQueueSize, func() float64 { return float64(q.size()) })
	metrics.GaugeFunc(catalogue.SpanQueueCapacity, func() float64 { return float64(len(q.waiting)) })
	go q.run()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (q *spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues a finished span. It never waits: a full queue drops the span and counts it.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	q.mu.Lock()
	room := q.length < len(q.waiting)
	if room {
		q.waiting[(q.first+q.length)%len(q.waiting)] = s
		q.length++
	}
	enough := q.length == q.enough
	q.mu.Unlock()
	if !room {
		q.queueFull.Inc()
		q.dropped.Add(1)
		return
	}
	q.queued.Inc()
	if enough {
		select {
		case q.batch <- struct{}{}:
		default: // the worker has been told
		}
	}
}

// take moves the oldest spans into the empty batch, as many as go into one.
func (q *spanQueue) take(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.length > 0 && len(batch) < batchSize {
		batch = append(batch, q.waiting[q.first])
		q.waiting[q.first] = nil
		q.first = (q.first + 1) % len(q.waiting)
		q.length--
	}
	return batch
}

func (q *spanQueue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// ForceFlush sends what is queued now.
func (q *spanQueue) ForceFlush(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case q.flush <- reply:
	case <-q.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush %d queued spans: %w", q.size(), ctx.Err())
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("flush %d queued spans: %w", q.size(), ctx.Err())
	}
}

// Shutdown sends what is queued and stops, by the context's deadline.
func (q *spanQueue) Shutdown(ctx context.Context) error {
	q.stopOnce.Do(func() { close(q.stop) })
	var err error
	select {
	case <-q.done:
	case <-ctx.Done():
		q.abort()
		<-q.done
	}
	if lost := q.unsent.Load(); lost > 0 {
		err = fmt.Errorf("%d spans were not sent: the collector at %s did not take them in time", lost, q.endpoint)
	}
	if closeErr := q.exporter.Shutdown(ctx); err == nil && closeErr != nil {
		err = closeErr
	}
	return err
}

func (q *spanQueue) run() {
	defer close(q.done)
	ticker := time.NewTicker(q.interval)
	defer ticker.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, batchSize)
	for {
		select {
		case <-q.batch:
			for q.size() >= q.enough {
				batch = q.send(q.take(batch))
			}
		case <-ticker.C:
			q.drain(batch)
		case reply := <-q.flush:
			q.drain(batch)
			reply <- nil
		case <-q.stop:
			q.drain(batch)
			return
		}
	}
}

// drain sends everything that is queued, in batches.
func (q *spanQueue) drain(batch []sdktrace.ReadOnlySpan) {
	for batch = q.take(batch); len(batch) > 0; batch = q.take(batch) {
		batch = q.send(batch)
	}
}

// send exports the batch, again and again until the collector takes it, refuses it for good, or time is up, and returns
// it emptied. While it waits, the queue fills, and then drops: the service is never held up.
func (q *spanQueue) send(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	for wait := firstRetry; ; wait = min(2*wait, slowestRetry) {
		ctx, cancel := context.WithTimeout(q.aborted, exportTimeout)
		err := q.exporter.ExportSpans(ctx, batch)
		cancel()
		if err == nil {
			q.exported.Add(float64(len(batch)))
			q.cameBack()
			break
		}
		if !retryable(err) {
			q.rejected.Add(float64(len(batch)))
			q.wentAway("collector refuses spans: they are dropped", err)
			q.dropped.Add(int64(len(batch)))
			break
		}
		q.exportFail.Add(float64(len(batch)))
		q.wentAway("collector unreachable: spans wait in the queue, and are dropped when it is full", err)
		if !q.pause(wait) {
			q.unsent.Add(int64(len(batch)))
			break
		}
	}
	clear(batch)
	return batch[:0]
}

// pause waits before the next try. It reports false when there is to be none.
func (q *spanQueue) pause(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.aborted.Done():
		return false
	}
}

// retryable says whether the collector may take the same batch later, by the OTLP specification
// (https://opentelemetry.io/docs/specs/otlp/#failures). Sent again, a batch that is too large would hold up all others
// for ever, and one of which a part was taken would arrive twice.
func retryable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	answer, _ := status.FromError(err) // no answer at all is Unavailable; what is no status is a part that was refused
	switch answer.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true
	case codes.ResourceExhausted: // overloaded when it says when to come back, else the batch is too large
		for _, detail := range answer.Proto().GetDetails() {
			if detail.MessageName() == "google.rpc.RetryInfo" {
				return true
			}
		}
	default:
	}
	return false
}

func (q *spanQueue) wentAway(message string, err error) {
	if q.away {
		return
	}
	q.away, q.awaySince = true, time.Now()
	q.logger.Warn(message, //nolint:sloglint // one of two literals in send
		"endpoint", q.endpoint, "queue_capacity", len(q.waiting), "error", err.Error())
}

func (q *spanQueue) cameBack() {
	if !q.away {
		return
	}
	q.away = false
	q.logger.Info("collector reachable again",
		"endpoint", q.endpoint, "away", time.Since(q.awaySince).Round(time.Millisecond).String(), "spans_dropped", q.dropped.Swap(0))
}
