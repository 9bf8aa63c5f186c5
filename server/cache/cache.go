// Package cache keeps what was read from the database: in the process and, where there is one, in a Redis that several
// processes share. A change ends at once what was made from the thing changed, in this process before the change is
// answered and in others as fast as Redis tells them. Nothing depends on Redis: without it each process caches for
// itself, and what another process has changed is seen when an entry's time is up.
package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/singleflight"

	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// loadTimeout bounds one read from the database on behalf of everyone who waits for it. The store's own bounds are
// tighter; this is for a store that has none.
const loadTimeout = 15 * time.Second

// Options say how much is cached, and how long.
type Options struct {
	MaxBytes  int           // of all entries in the process, estimated
	TTL       time.Duration // how long an entry is used at most, in the process and again in Redis
	Redis     *redis.Client // nil: each process caches for itself
	Telemetry *telemetry.Telemetry
}

// Cache is the cache of one process. It is safe for concurrent use.
type Cache struct {
	entries  *otter.Cache[string, entry]
	versions versions
	loads    singleflight.Group
	tracer   trace.Tracer
	loading  *telemetry.TracedHistogram
	shared   *shared // nil without Redis
	values   lookups
	answers  lookups
}

// lookups counts what looking for one kind of entry came to.
type lookups struct{ hits, shared, misses prometheus.Counter }

func newLookups(counter *prometheus.CounterVec, of string) lookups {
	return lookups{
		hits:   counter.WithLabelValues(of, catalogue.CacheHit),
		shared: counter.WithLabelValues(of, catalogue.CacheShared),
		misses: counter.WithLabelValues(of, catalogue.CacheMiss),
	}
}

// entry is a value with what it was made from.
type entry struct {
	value any
	from  stamps
	bytes uint32
}

// New makes a cache. It contacts nobody.
func New(o Options) (*Cache, error) {
	entries, err := otter.New(&otter.Options[string, entry]{
		MaximumWeight:    uint64(max(o.MaxBytes, 1)),
		Weigher:          func(_ string, e entry) uint32 { return e.bytes },
		ExpiryCalculator: otter.ExpiryWriting[string, entry](o.TTL),
	})
	if err != nil {
		return nil, fmt.Errorf("make a cache of %d bytes: %w", o.MaxBytes, err)
	}
	metrics := o.Telemetry.Metrics
	counter := metrics.Counter(catalogue.CacheLookups)
	c := &Cache{
		entries: entries, tracer: o.Telemetry.TracerProvider().Tracer(scope),
		values:  newLookups(counter, catalogue.CacheOfCatalogue),
		answers: newLookups(counter, catalogue.CacheOfResponses),
	}
	c.loading = metrics.TracedHistogram(catalogue.CacheLoadDuration)
	for _, category := range append(catalogue.CacheLoadErrors(), "") {
		c.loading.WithLabelValues(catalogue.CacheOfCatalogue, category) // so that the first failure is an increase
	}
	metrics.GaugeFunc(catalogue.CacheEntries, func() float64 { return float64(entries.EstimatedSize()) })
	metrics.GaugeFunc(catalogue.CacheSize, func() float64 { return float64(entries.WeightedSize()) })
	c.shared = newShared(o, &c.versions)
	return c, nil
}

// Watch hears of changes that other processes make, until the context ends. Without Redis it returns at once.
func (c *Cache) Watch(ctx context.Context) {
	if c.shared != nil {
		c.shared.watch(ctx)
	}
}

// Invalidate ends every value that depends on one of the tags. It must come after the change is committed and before it
// is answered. A context that has ended does not stop it: the change has been made.
func (c *Cache) Invalidate(ctx context.Context, tags ...string) {
	changed := slotsOf(tags)[1:] // without everything
	c.versions.change(changed...)
	if c.shared != nil {
		c.shared.invalidate(context.WithoutCancel(ctx), changed)
	}
}

// Key names a value, what it is made from, and how large it is.
type Key[T any] struct {
	Name  string
	Tags  []string
	Bytes func(T) int // an estimate
}

// Load returns the value of the key, and reads it with load when it is not there. Of several who ask at once, one reads
// and all get the same: they must not change it. load may go on after the caller has given up, so it must not use what
// ends with the caller's request.
func Load[T any](ctx context.Context, c *Cache, key Key[T], load func(ctx context.Context) (T, error)) (T, error) {
	from := c.versions.stamp(slotsOf(key.Tags))
	if value, ok := lookup[T](c, key.Name); ok {
		c.values.hits.Inc()
		return value, nil
	}
	began, ours := time.Now(), false
	// Who asks after a change must not wait for a read that began before it, so the versions are part of the flight.
	flight := c.loads.DoChan(key.Name+from.String(), func() (found any, err error) {
		ours = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		defer func() { // it runs in a goroutine of its own, where a panic would end the process
			if p := recover(); p != nil {
				err = fmt.Errorf("load %s: panic: %v\n%s", key.Name, p, debug.Stack())
			}
		}()
		return fill(ctx, c, key, from, load)
	})
	select {
	case result := <-flight:
		found, _ := result.Val.(filled[T])
		if !ours {
			c.waited(ctx, began, found.by)
		}
		return found.value, result.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func lookup[T any](c *Cache, name string) (T, bool) {
	e, ok := c.entries.GetIfPresent(name)
	if ok && c.versions.current(e.from) {
		value, right := e.value.(T)
		return value, right
	}
	var none T
	return none, false
}

// filled is a value, and the span of the read that it is from; none when Redis had it.
type filled[T any] struct {
	value T
	by    trace.SpanContext
}

// fill reads the value from Redis, or else with load, and keeps it.
func fill[T any](ctx context.Context, c *Cache, key Key[T], from stamps, load func(ctx context.Context) (T, error)) (filled[T], error) {
	value, seen, ok := readShared[T](ctx, c.shared, key)
	found := filled[T]{value: value}
	if ok {
		c.values.shared.Inc()
	} else {
		c.values.misses.Inc()
		var err error
		if found, err = loadOnce(ctx, c, load); err != nil {
			return found, err
		}
		writeShared(ctx, c.shared, key, seen, found.value)
	}
	c.entries.Set(key.Name, entry{value: found.value, from: from, bytes: weight(len(key.Name) + key.Bytes(found.value))})
	return found, nil
}

// weight is an entry's size as otter counts it; overhead is what an entry costs beside its key and value.
func weight(bytes int) uint32 {
	const overhead, most = 256, 1 << 30
	return uint32(min(bytes+overhead, most)) //nolint:gosec // it fits
}

// String tells stamps apart.
func (s stamps) String() string {
	text := make([]byte, 0, 16*len(s))
	for _, one := range s {
		text = append(text, 0)
		text = strconv.AppendUint(text, one.version, 36)
	}
	return string(text)
}
