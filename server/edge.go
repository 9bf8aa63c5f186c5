package main

import (
	"context"
	"errors"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/health"
	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/ratelimit"
	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/telemetry"
)

// edge is what stands between the clients and the market: the cache, the limits and the images.
type edge struct {
	redis  *redis.Client // nil without one
	cache  *cache.Cache
	limits api.RateLimits
	images api.Images
}

// openEdge makes it. It contacts nobody, and hears of other processes' changes until the context ends.
func openEdge(ctx context.Context, c config.Config, tel *telemetry.Telemetry) (*edge, error) {
	e := &edge{limits: api.RateLimits{Exempt: c.RateLimitExempt}}
	var err error
	if c.RedisURL != "" {
		if e.redis, err = redis.Open(c.RedisURL, tel); err != nil {
			return nil, usageError{err}
		}
	}
	if e.cache, err = cache.New(cache.Options{MaxBytes: c.CacheSize, TTL: c.CacheTTL, Redis: e.redis, Telemetry: tel}); err != nil {
		return nil, err
	}
	go e.cache.Watch(ctx)
	if c.RateLimits {
		e.limits.Limiter = ratelimit.New(ratelimit.Options{Redis: e.redis, Telemetry: tel, Rates: map[ratelimit.Class]ratelimit.Rate{
			ratelimit.Auth: c.AuthRate, ratelimit.Writes: c.WriteRate, ratelimit.Reads: c.ReadRate,
			ratelimit.RUM: c.RUMRate, ratelimit.Images: c.ImageRate,
		}})
	}
	store, err := images.Open(ctx, c.ImagesURL, tel)
	if err != nil {
		return nil, usageError{err}
	}
	e.images = api.Images{Intake: images.NewIntake(c.ImageDecoders, tel), Store: store, Limit: c.ImageLimit}
	return e, nil
}

// checks are parts of the health report. Products can be looked at and ordered without any of them.
func (e *edge) checks() []health.Check {
	checks := []health.Check{{Name: "images", Probe: e.images.Store.Probe}}
	if e.redis != nil {
		checks = append(checks, health.Check{Name: "cache", Probe: e.redis.Ping})
	}
	return checks
}

func (e *edge) close() error {
	err := e.images.Store.Close()
	if e.redis != nil {
		err = errors.Join(err, e.redis.Close())
	}
	return err
}
