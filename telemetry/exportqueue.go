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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	batchSize     = 512              // items a request; the OpenTelemetry SDK's default
	exportTimeout = 10 * time.Second // for one request; the OTLP exporter's default
	firstRetry    = 500 * time.Millisecond
	slowestRetry  = 10 * time.Second
)

// exporter sends a batch to the collector. It tries once: the queue does the retrying.
type exporter[T any] interface {
	export(ctx context.Context, batch []T) error
	Shutdown(ctx context.Context) error
}

// queueOptions are what the queues of two signals differ in.
type queueOptions struct {
	items    string // what is queued, as a sentence says it
	lost     string // the log field that counts what was lost
	capacity int
	interval time.Duration // the longest that an item waits before it is sent
	endpoint string
	logger   *slog.Logger // it must not lead back into the queue

	processed, exported      catalogue.Metric
	queueSize, queueCapacity catalogue.Metric
}

// exportQueue holds finished spans, or log records, in a bounded queue and sends them in batches. The SDK's own batch
// processors drop silently; this one counts what it drops, keeps a refused batch until the collector is back, and says
// in one line that it went away and in one that it came back. An item that is queued wakes nobody, which would cost more
// than all else: a whole batch does, or the time.
type exportQueue[T any] struct {
	queueOptions

	exporter exporter[T]

	mu      sync.Mutex
	waiting []T // a ring
	first   int // the oldest in it
	length  int
	enough  int           // that many are a batch
	batch   chan struct{} // says that there is one

	flush    chan chan error
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	abort    context.CancelFunc // ends a retry when time is up
	aborted  context.Context    //nolint:containedctx // of the worker, which ends with the queue

	away       bool         // the collector refused the last batch; the worker's alone
	awaySince  time.Time    // the worker's alone
	dropped    atomic.Int64 // since it was last said
	unsent     atomic.Int64 // items still held when the queue was stopped
	queued     prometheus.Counter
	queueFull  prometheus.Counter
	sent       prometheus.Counter
	exportFail prometheus.Counter
	rejected   prometheus.Counter
}

func newExportQueue[T any](exporter exporter[T], options queueOptions, metrics *Metrics) *exportQueue[T] {
	processed := metrics.Counter(options.processed)
	exported := metrics.Counter(options.exported)
	q := &exportQueue[T]{
		queueOptions: options,
		exporter:     exporter,
		waiting:      make([]T, options.capacity),
		enough:       min(batchSize, options.capacity),
		batch:        make(chan struct{}, 1),
		flush:        make(chan chan error),
		stop:         make(chan struct{}),
		done:         make(chan struct{}),
		queued:       processed.WithLabelValues(""),
		queueFull:    processed.WithLabelValues("queue_full"),
		sent:         exported.WithLabelValues(""),
		exportFail:   exported.WithLabelValues("unavailable"),
		rejected:     exported.WithLabelValues("rejected"),
	}
	q.aborted, q.abort = context.WithCancel(context.Background()) //nolint:gosec // Shutdown calls it, when time is up
	metrics.GaugeFunc(options.queueSize, func() float64 { return float64(q.size()) })
	metrics.GaugeFunc(options.queueCapacity, func() float64 { return float64(len(q.waiting)) })
	go q.run()
	return q
}

// put queues an item. It never waits: a full queue drops the item and counts it.
func (q *exportQueue[T]) put(item T) {
	q.mu.Lock()
	room := q.length < len(q.waiting)
	if room {
		q.waiting[(q.first+q.length)%len(q.waiting)] = item
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

// take moves the oldest items into the empty batch, as many as go into one.
func (q *exportQueue[T]) take(batch []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	var nothing T
	for q.length > 0 && len(batch) < batchSize {
		batch = append(batch, q.waiting[q.first])
		q.waiting[q.first] = nothing
		q.first = (q.first + 1) % len(q.waiting)
		q.length--
	}
	return batch
}

func (q *exportQueue[T]) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// ForceFlush sends what is queued now.
func (q *exportQueue[T]) ForceFlush(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case q.flush <- reply:
	case <-q.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush %d queued %s: %w", q.size(), q.items, ctx.Err())
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("flush %d queued %s: %w", q.size(), q.items, ctx.Err())
	}
}

// Shutdown sends what is queued and stops, by the context's deadline.
func (q *exportQueue[T]) Shutdown(ctx context.Context) error {
	q.stopOnce.Do(func() { close(q.stop) })
	var err error
	select {
	case <-q.done:
	case <-ctx.Done():
		q.abort()
		<-q.done
	}
	if lost := q.unsent.Load(); lost > 0 {
		err = fmt.Errorf("%d %s were not sent: the collector at %s did not take them in time", lost, q.items, q.endpoint)
	}
	if closeErr := q.exporter.Shutdown(ctx); err == nil && closeErr != nil {
		err = closeErr
	}
	return err
}

func (q *exportQueue[T]) run() {
	defer close(q.done)
	ticker := time.NewTicker(q.interval)
	defer ticker.Stop()
	batch := make([]T, 0, batchSize)
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
func (q *exportQueue[T]) drain(batch []T) {
	for batch = q.take(batch); len(batch) > 0; batch = q.take(batch) {
		batch = q.send(batch)
	}
}

// send delivers the batch and returns it emptied.
func (q *exportQueue[T]) send(batch []T) []T {
	q.deliver(batch)
	clear(batch)
	return batch[:0]
}

// deliver exports the batch, again and again until the collector takes it, refuses it for good, or time is up. While it
// waits, the queue fills, and then drops: the service is never held up. A batch that is too large goes in two parts.
func (q *exportQueue[T]) deliver(batch []T) {
	for wait := firstRetry; ; wait = min(2*wait, slowestRetry) {
		ctx, cancel := context.WithTimeout(q.aborted, exportTimeout)
		err := q.exporter.export(ctx, batch)
		cancel()
		switch {
		case err == nil:
			q.sent.Add(float64(len(batch)))
			q.cameBack()
			return
		case tooLarge(err) && len(batch) > 1:
			half := len(batch) / 2 //nolint:mnd // two parts
			q.deliver(batch[:half])
			q.deliver(batch[half:])
			return
		case !retryable(err):
			q.rejected.Add(float64(len(batch)))
			q.wentAway("collector refuses what it is sent", err)
			q.dropped.Add(int64(len(batch)))
			return
		}
		q.exportFail.Add(float64(len(batch)))
		q.wentAway("collector unreachable", err)
		if !q.pause(wait) {
			q.unsent.Add(int64(len(batch)))
			return
		}
	}
}

// pause waits before the next try. It reports false when there is to be none.
func (q *exportQueue[T]) pause(wait time.Duration) bool {
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
	case codes.ResourceExhausted:
		return saysWhenToRetry(answer)
	default:
	}
	return false
}

// tooLarge says whether the collector, or gRPC itself, refused the batch for its size.
func tooLarge(err error) bool {
	answer, _ := status.FromError(err)
	return answer.Code() == codes.ResourceExhausted && !saysWhenToRetry(answer)
}

// saysWhenToRetry tells a collector that is overloaded from a batch that is too large: the status is the same.
func saysWhenToRetry(answer *status.Status) bool {
	for _, detail := range answer.Proto().GetDetails() {
		if detail.MessageName() == "google.rpc.RetryInfo" {
			return true
		}
	}
	return false
}

func (q *exportQueue[T]) wentAway(message string, err error) {
	if q.away {
		return
	}
	q.away, q.awaySince = true, time.Now()
	q.logger.Warn(message, //nolint:sloglint // one of two literals in deliver
		"signal", q.items, "endpoint", q.endpoint, "queue_capacity", len(q.waiting), "error", err.Error())
}

func (q *exportQueue[T]) cameBack() {
	if !q.away {
		return
	}
	q.away = false
	q.logger.Info("collector reachable again",
		"signal", q.items, "endpoint", q.endpoint, "away", time.Since(q.awaySince).Round(time.Millisecond).String(), q.lost, q.dropped.Swap(0))
}
