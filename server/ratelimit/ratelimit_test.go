package ratelimit_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/ratelimit"
	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/telemetry"
)

const limit = 5

func newLimiter(t *testing.T, redisURL string) (*ratelimit.Limiter, *telemetry.Telemetry) {
	t.Helper()
	tel := redistest.Telemetry(t, io.Discard)
	options := ratelimit.Options{Telemetry: tel, Rates: map[ratelimit.Class]ratelimit.Rate{
		ratelimit.Auth:   {Limit: limit, Period: time.Hour},
		ratelimit.Writes: {Limit: limit, Period: 200 * time.Millisecond},
	}}
	if redisURL != "" {
		options.Redis = redistest.Open(t, redisURL, tel)
	}
	return ratelimit.New(options), tel
}

// client is one that no other test is, with nothing left of it in Redis afterwards.
func client(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	t.Cleanup(func() { redistest.Forget(t, id) })
	return ratelimit.Account(id)
}

func take(t *testing.T, l *ratelimit.Limiter, class ratelimit.Class, who string) ratelimit.Decision {
	t.Helper()
	decision, err := l.Take(t.Context(), class, who)
	require.NoError(t, err)
	return decision
}

func TestAClientIsRefusedAfterItsLimitAndNobodyElseIs(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		l, _ := newLimiter(t, redisURL)
		greedy, modest := client(t), client(t)
		for i := range int64(limit) {
			d := take(t, l, ratelimit.Auth, greedy)
			require.True(t, d.Allowed)
			require.Equal(t, limit-1-i, d.Remaining)
			require.EqualValues(t, limit, d.Limit)
		}
		d := take(t, l, ratelimit.Auth, greedy)
		require.False(t, d.Allowed)
		require.Zero(t, d.Remaining)
		require.InDelta(t, time.Hour.Seconds(), d.Reset.Seconds(), 60)
		require.True(t, take(t, l, ratelimit.Auth, modest).Allowed, "another client")
		require.True(t, take(t, l, ratelimit.Writes, greedy).Allowed, "another class")
	})
}

func TestTheCountStartsAgainWithThePeriod(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		l, _ := newLimiter(t, redisURL)
		who := client(t)
		require.Eventually(t, func() bool { return !take(t, l, ratelimit.Writes, who).Allowed }, 30*time.Second, time.Millisecond)
		d := take(t, l, ratelimit.Writes, who)
		require.GreaterOrEqual(t, d.Reset, time.Second, "nobody is told to come back at once")
		require.Eventually(t, func() bool { return take(t, l, ratelimit.Writes, who).Allowed }, 30*time.Second, 5*time.Millisecond)
	})
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		l, _ := newLimiter(t, redisURL)
		who := client(t)
		take(t, l, ratelimit.Auth, client(t)) // Redis, when it is away, is known to be
		var allowed atomic.Int64
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				if d, err := l.Take(t.Context(), ratelimit.Auth, who); err == nil && d.Allowed {
					allowed.Add(1)
				}
			})
		}
		asking.Wait()
		require.EqualValues(t, limit, allowed.Load())
	})
}

func TestProcessesCountTogetherInRedis(t *testing.T) {
	here, _ := newLimiter(t, redistest.URL(t).String())
	there, _ := newLimiter(t, redistest.URL(t).String())
	who := client(t)
	for range limit {
		require.True(t, take(t, here, ratelimit.Auth, who).Allowed)
	}
	require.False(t, take(t, there, ratelimit.Auth, who).Allowed)
}

func TestCountingGoesOnWithoutRedisAndReturnsToIt(t *testing.T) {
	url, proxy := redistest.Proxied(t)
	l, tel := newLimiter(t, url)
	direct, _ := newLimiter(t, redistest.URL(t).String())
	who := client(t)
	take(t, l, ratelimit.Auth, who)
	proxy.Cut()
	for range limit {
		require.True(t, take(t, l, ratelimit.Auth, who).Allowed)
	}
	require.False(t, take(t, l, ratelimit.Auth, who).Allowed, "the process has its own count")
	recorder := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	require.Contains(t, recorder.Body.String(), "market_rate_limit_fallbacks_total 6")

	proxy.Restore()
	require.Eventually(t, func() bool {
		other := client(t)
		take(t, l, ratelimit.Auth, other)
		return take(t, direct, ratelimit.Auth, other).Remaining == limit-2
	}, 30*time.Second, 20*time.Millisecond, "Redis counts again")
}

func TestAClassWithoutARateIsNotLimited(t *testing.T) {
	l, _ := newLimiter(t, "")
	for range 100 {
		require.True(t, take(t, l, ratelimit.Reads, "x").Allowed)
	}
}

func TestAnIPv6ClientIsItsNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"one IPv6 network":  {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		"two IPv6 networks": {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"IPv4 neighbours":   {"192.0.2.1", "192.0.2.2", false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.same, ratelimit.Address(netip.MustParseAddr(c.a)) == ratelimit.Address(netip.MustParseAddr(c.b)))
		})
	}
}
