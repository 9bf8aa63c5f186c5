package cache

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"

	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Names in Redis. The 1 is the version of what is kept under them: change it with the encoding, so that an instance of
// the old release and one of the new do not read each other's.
const (
	valuePrefix   = "farmersmarket:cache:1:value:"
	versionPrefix = "farmersmarket:cache:1:version:"
	changeChannel = "farmersmarket:cache:1:changes"
)

// inherited is what a new process has missed: those before it may have ended with a change that Redis was not told, and
// nothing else would end what was made before that.
const inherited = 1

// shared is the cache in Redis. A value is kept together with the versions of what it was made from, as they were before
// it was read from the database, and is taken only while they are still the same: no change can slip in between. Versions
// are random, so that one which was lost with a restart of Redis cannot come again.
type shared struct {
	redis    *redis.Client
	ttl      time.Duration
	versions *versions // of the process
	reads    prometheus.Counter
	writes   prometheus.Counter
	changes  prometheus.Counter

	missed   atomic.Uint64 // changes that could not be told to Redis; what is inherited counts as one
	caughtUp atomic.Uint64 // how many of them have been made up for
	catching sync.Mutex
}

// newShared returns nil without Redis.
func newShared(o Options, local *versions) *shared {
	failures := o.Telemetry.Metrics.Counter(catalogue.CacheErrors)
	s := &shared{
		redis: o.Redis, ttl: o.TTL, versions: local,
		reads:   failures.WithLabelValues(catalogue.CacheRead),
		writes:  failures.WithLabelValues(catalogue.CacheWrite),
		changes: failures.WithLabelValues(catalogue.CacheInvalidate),
	}
	if o.Redis == nil {
		return nil
	}
	s.missed.Store(inherited)
	return s
}

// envelope is a value as Redis keeps it.
type envelope[T any] struct {
	From  []string `json:"from"`
	Value T        `json:"value"`
}

// readShared returns the value, if Redis has one that is current, and otherwise the versions under which a value that is
// read from now on can be kept there; none when it cannot.
func readShared[T any](ctx context.Context, s *shared, key Key[T]) (value T, seen []string, ok bool) {
	if s == nil {
		return value, nil, false
	}
	if !s.catchUp(ctx) {
		s.reads.Inc()
		return value, nil, false
	}
	of := slotsOf(key.Tags)
	names := make([]string, 0, 1+len(of))
	names = append(names, valuePrefix+key.Name)
	for _, slot := range of {
		names = append(names, versionName(slot))
	}
	var answers []any
	err := s.redis.Do(ctx, catalogue.RedisRead, func(ctx context.Context, r goredis.UniversalClient) (err error) {
		answers, err = r.MGet(ctx, names...).Result()
		return err
	})
	if err != nil {
		s.reads.Inc()
		return value, nil, false
	}
	for i, answer := range answers[1:] {
		version, known := answer.(string)
		if !known {
			s.begin(ctx, of[i:])
			return value, nil, false
		}
		seen = append(seen, version)
	}
	var kept envelope[T]
	text, _ := answers[0].(string)
	if text == "" || json.Unmarshal([]byte(text), &kept) != nil || !slices.Equal(kept.From, seen) {
		return value, seen, false
	}
	return kept.Value, seen, true
}

// writeShared keeps a value in Redis. Where it cannot, the next one who asks reads the database.
func writeShared[T any](ctx context.Context, s *shared, key Key[T], seen []string, value T) {
	if s == nil || seen == nil {
		return
	}
	text, err := json.Marshal(envelope[T]{From: seen, Value: value})
	if err == nil {
		err = s.redis.Do(ctx, catalogue.RedisWrite, func(ctx context.Context, r goredis.UniversalClient) error {
			return r.Set(ctx, valuePrefix+key.Name, text, s.ttl).Err()
		})
	}
	if err != nil {
		s.writes.Inc()
	}
}

// begin gives a version to slots that have none yet.
func (s *shared) begin(ctx context.Context, of []uint16) {
	err := s.redis.Do(ctx, catalogue.RedisPipeline, func(ctx context.Context, r goredis.UniversalClient) error {
		_, err := r.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for _, slot := range of {
				p.SetNX(ctx, versionName(slot), newVersion(), 0)
			}
			return nil
		})
		return err
	})
	if err != nil {
		s.writes.Inc()
	}
}

// invalidate gives the slots new versions in Redis and tells the other processes. Where it cannot, Redis is not used
// again before everything in it has been ended.
func (s *shared) invalidate(ctx context.Context, changed []uint16) {
	if s.renew(ctx, changed, true) != nil {
		s.missed.Add(1)
		s.changes.Inc()
	}
}

// catchUp ends everything in Redis if a change could not be told to it, and at the first use. It reports whether Redis can
// be used. Other processes are not told of the first use: what they have in themselves, they were told about.
func (s *shared) catchUp(ctx context.Context) bool {
	if s.missed.Load() == s.caughtUp.Load() {
		return true
	}
	s.catching.Lock() // nobody may read before it is done
	defer s.catching.Unlock()
	missed := s.missed.Load()
	if missed != s.caughtUp.Load() && s.renew(ctx, []uint16{everything}, missed > inherited) != nil {
		return false
	}
	s.caughtUp.Store(missed)
	return true
}

// renew gives the slots new versions in Redis, and tells the other processes if they are to end what they have too.
func (s *shared) renew(ctx context.Context, changed []uint16, tell bool) error {
	names := make([]string, len(changed))
	return s.redis.Do(ctx, catalogue.RedisPipeline, func(ctx context.Context, r goredis.UniversalClient) error {
		_, err := r.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			for i, slot := range changed {
				p.Set(ctx, versionName(slot), newVersion(), 0)
				names[i] = strconv.Itoa(int(slot))
			}
			if tell {
				p.Publish(ctx, changeChannel, strings.Join(names, " "))
			}
			return nil
		})
		return err
	})
}

// watch ends in this process what another has changed, and everything when changes may have been missed.
func (s *shared) watch(ctx context.Context) {
	s.redis.Subscribe(ctx, changeChannel,
		func() { s.versions.change(everything) },
		func(message string) {
			for name := range strings.FieldsSeq(message) {
				if slot, err := strconv.ParseUint(name, 10, 16); err == nil && slot < slots {
					s.versions.change(uint16(slot))
				}
			}
		})
}

func versionName(slot uint16) string { return versionPrefix + strconv.Itoa(int(slot)) }

func newVersion() string { return strconv.FormatUint(rand.Uint64(), 36) } //nolint:gosec // it is told apart, not guessed
