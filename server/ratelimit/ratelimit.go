// Package ratelimit bounds how much one client may ask for. It counts in Redis, where several processes count together,
// and in the process while Redis is away or where there is none.
package ratelimit

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	redisstore "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// prefix is of the names in Redis.
const prefix = "farmersmarket:ratelimit:1"

// Class is a kind of request. Each has a limit of its own.
type Class string

// The classes.
const (
	Auth   Class = catalogue.LimitAuth   // guesses passwords or makes accounts
	Writes Class = catalogue.LimitWrites // changes something
	Images Class = catalogue.LimitImages // uploads a photograph, which takes work
	Reads  Class = catalogue.LimitReads
	RUM    Class = catalogue.LimitRUM // tells how a page did in a browser
)

// Rate is how many requests a client may make in a period.
type Rate struct {
	Limit  int64
	Period time.Duration
}

// Options say who may ask for how much.
type Options struct {
	Rates     map[Class]Rate
	Redis     *redis.Client // nil: each process counts for itself
	Telemetry *telemetry.Telemetry
}

// Decision is what a request is told.
type Decision struct {
	Allowed   bool
	Limit     int64
	Remaining int64
	Reset     time.Duration // until the count starts again, in whole seconds, at least 1
	Period    time.Duration
}

// Limiter counts requests. It is safe for concurrent use.
type Limiter struct {
	rates     map[Class]limiter.Rate
	memory    limiter.Store
	redis     *redis.Client
	shared    atomic.Pointer[limiter.Store] // made when Redis first answers
	decisions *prometheus.CounterVec
	fallbacks prometheus.Counter
}

// New makes a limiter. It contacts nobody: Redis may be away.
func New(o Options) *Limiter {
	l := &Limiter{
		rates: map[Class]limiter.Rate{}, redis: o.Redis,
		memory: memory.NewStoreWithOptions(limiter.StoreOptions{
			Prefix: prefix, CleanUpInterval: limiter.DefaultCleanUpInterval,
		}),
		decisions: o.Telemetry.Metrics.Counter(catalogue.RateLimitDecisions),
		fallbacks: o.Telemetry.Metrics.Counter(catalogue.RateLimitFallbacks).WithLabelValues(),
	}
	for class, rate := range o.Rates {
		l.rates[class] = limiter.Rate{Limit: rate.Limit, Period: rate.Period}
		l.decisions.WithLabelValues(string(class), catalogue.LimitAllowed)
		l.decisions.WithLabelValues(string(class), catalogue.LimitRefused)
	}
	return l
}

// Take counts one request of the class by who, and decides on it. A class without a rate is not limited.
func (l *Limiter) Take(ctx context.Context, class Class, who string) (Decision, error) {
	rate, limited := l.rates[class]
	if !limited {
		return Decision{Allowed: true}, nil
	}
	state, err := l.count(ctx, string(class)+":"+who, rate)
	if err != nil {
		return Decision{}, fmt.Errorf("count a request of class %s: %w", class, err)
	}
	outcome := catalogue.LimitAllowed
	if state.Reached {
		outcome = catalogue.LimitRefused
	}
	l.decisions.WithLabelValues(string(class), outcome).Inc()
	return Decision{
		Allowed: !state.Reached, Limit: state.Limit, Remaining: state.Remaining, Period: rate.Period,
		Reset: max(time.Until(time.Unix(state.Reset, 0)).Round(time.Second), time.Second),
	}, nil
}

func (l *Limiter) count(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	if l.redis == nil {
		return l.memory.Get(ctx, key, rate)
	}
	var state limiter.Context
	err := l.redis.Do(ctx, catalogue.RedisScript, func(ctx context.Context, r goredis.UniversalClient) error {
		store, err := l.sharedStore(r)
		if err != nil {
			return err
		}
		state, err = store.Get(ctx, key, rate)
		return err
	})
	if err != nil { // the request is counted all the same, by this process
		l.fallbacks.Inc()
		return l.memory.Get(ctx, key, rate)
	}
	return state, nil
}

// sharedStore makes the store in Redis when it is first needed, because it loads a script there.
func (l *Limiter) sharedStore(r goredis.UniversalClient) (limiter.Store, error) {
	if store := l.shared.Load(); store != nil {
		return *store, nil
	}
	store, err := redisstore.NewStoreWithOptions(r, limiter.StoreOptions{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	l.shared.Store(&store)
	return store, nil
}

// Address names an anonymous client. A client with IPv6 has a whole /64, and is counted as one.
func Address(client netip.Addr) string {
	const network = 64
	if client.Is6() {
		if prefix, err := client.Prefix(network); err == nil {
			return "address:" + prefix.Addr().String()
		}
	}
	return "address:" + client.String()
}

// Account names a client that has logged in.
func Account(id string) string { return "account:" + id }
