package redis_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

func ping(ctx context.Context, r goredis.UniversalClient) error { return r.Ping(ctx).Err() }

func TestAnOutageIsBoundedThenLeftAloneThenOver(t *testing.T) {
	for name, outage := range map[string]func(*storetest.Proxy){
		"that refuses connections":    (*storetest.Proxy).Cut,
		"that swallows every message": (*storetest.Proxy).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			logs := &testlog.Buffer{}
			url, proxy := redistest.Proxied(t)
			client := redistest.Open(t, url, redistest.Telemetry(t, logs))
			require.NoError(t, client.Do(t.Context(), catalogue.RedisRead, ping))

			outage(proxy)
			asked := 0
			for range 100 {
				err := client.Do(t.Context(), catalogue.RedisRead, func(ctx context.Context, r goredis.UniversalClient) error {
					asked++
					return ping(ctx, r)
				})
				require.ErrorIs(t, err, redis.ErrAway)
			}
			require.Less(t, asked, 10, "after a few failures Redis is left alone")
			require.Error(t, client.Ping(t.Context()))
			said := func(text string) func() bool { return func() bool { return strings.Contains(logs.String(), text) } }
			require.Eventually(t, said("redis away"), 10*time.Second, time.Millisecond)

			proxy.Restore()
			require.Eventually(t, func() bool { return client.Do(t.Context(), catalogue.RedisRead, ping) == nil },
				30*time.Second, 10*time.Millisecond)
			require.Eventually(t, said("redis back"), 10*time.Second, time.Millisecond)
			require.Equal(t, 1, strings.Count(logs.String(), "redis away"), "one line, not a flood")
			require.Equal(t, 1, strings.Count(logs.String(), "redis back"))
			require.NoError(t, client.Ping(t.Context()))
		})
	}
}

func TestAMissingKeyIsAnAnswer(t *testing.T) {
	client := redistest.Open(t, redistest.URL(t).String(), redistest.Telemetry(t, io.Discard))
	for range 10 {
		require.NoError(t, client.Do(t.Context(), catalogue.RedisRead, func(ctx context.Context, r goredis.UniversalClient) error {
			return r.Get(ctx, "farmersmarket:test:no-such-key").Err()
		}))
	}
}

func TestAURLThatCannotBeRightIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, url := range []string{"postgres://:hunter2@db", "redis://:hunter2@host:port", "redis://:hunter2@host/x"} {
		_, err := redis.Open(url, redistest.Telemetry(t, io.Discard))
		require.ErrorContains(t, err, "redis://")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestAListenerIsToldWhenItMayHaveMissedSomething(t *testing.T) {
	url, proxy := redistest.Proxied(t)
	client := redistest.Open(t, url, redistest.Telemetry(t, io.Discard))
	subscribed, heard := make(chan struct{}, 10), make(chan string, 10)
	go client.Subscribe(t.Context(), "farmersmarket:test:"+t.Name(), func() { subscribed <- struct{}{} }, func(m string) { heard <- m })
	<-subscribed
	say := func(m string) {
		require.NoError(t, client.Do(t.Context(), catalogue.RedisPipeline, func(ctx context.Context, r goredis.UniversalClient) error {
			return r.Publish(ctx, "farmersmarket:test:"+t.Name(), m).Err()
		}))
	}
	say("one")
	require.Equal(t, "one", <-heard)
	proxy.Cut()
	proxy.Restore()
	<-subscribed
	require.Eventually(t, func() bool {
		return client.Do(t.Context(), catalogue.RedisRead, ping) == nil
	}, 30*time.Second, 10*time.Millisecond)
	say("two")
	require.Equal(t, "two", <-heard)
}
