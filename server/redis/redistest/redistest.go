// Package redistest gives tests a real Redis that can be made to fail.
package redistest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

// defaultURL is where Redis is looked for unless TEST_REDIS_URL says otherwise.
const defaultURL = "redis://127.0.0.1:6379"

// URL is where the tests' Redis is. One that is not there fails the test.
func URL(t *testing.T) *url.URL {
	t.Helper()
	parsed, err := url.Parse(cmp.Or(os.Getenv("TEST_REDIS_URL"), defaultURL))
	require.NoError(t, err)
	return parsed
}

// UseDatabase lets all tests of a package use the database of that number, from its TestMain on: one that they share with
// no other package, whose tests run at the same time.
func UseDatabase(number int) error {
	address, err := url.Parse(cmp.Or(os.Getenv("TEST_REDIS_URL"), defaultURL))
	if err != nil {
		return fmt.Errorf("read TEST_REDIS_URL: %w", err)
	}
	address.Path = "/" + strconv.Itoa(number)
	return os.Setenv("TEST_REDIS_URL", address.String())
}

// Proxied returns the URL of Redis by way of a proxy, which can be told to be an outage.
func Proxied(t *testing.T) (string, *storetest.Proxy) {
	t.Helper()
	address := URL(t)
	proxy := storetest.NewProxy(t, address.Host)
	address.Host = proxy.Addr()
	return address.String(), proxy
}

// Each runs the test without Redis, whose URL is empty, with one, and with one that is away from the start.
func Each(t *testing.T, test func(t *testing.T, redisURL string)) {
	t.Helper()
	t.Run("in the process", func(t *testing.T) { test(t, "") })
	t.Run("in Redis", func(t *testing.T) { test(t, URL(t).String()) })
	t.Run("with Redis away from the start", func(t *testing.T) {
		url, proxy := Proxied(t)
		proxy.Cut()
		test(t, url)
	})
	t.Run("with Redis hanging from the start", func(t *testing.T) {
		url, proxy := Proxied(t)
		proxy.Freeze()
		test(t, url)
	})
}

// Open opens Redis for a test, which closes it.
func Open(t *testing.T, url string, tel *telemetry.Telemetry) *redis.Client {
	t.Helper()
	client, err := redis.Open(url, tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Telemetry is telemetry that goes nowhere but its logs.
func Telemetry(t *testing.T, logs io.Writer) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: logs})
	require.NoError(t, err)
	return tel
}

// Has reports whether there is a key that contains the text.
func Has(t *testing.T, text string) bool {
	t.Helper()
	return len(keys(t, text)) > 0
}

// Forget deletes the keys that contain the text, which must be the test's own.
func Forget(t *testing.T, text string) {
	t.Helper()
	keys(t, text, func(ctx context.Context, r *goredis.Client, key string) error { return r.Del(ctx, key).Err() })
}

func keys(t *testing.T, text string, do ...func(ctx context.Context, r *goredis.Client, key string) error) []string {
	t.Helper()
	const least = 8
	require.GreaterOrEqual(t, len(text), least, "a text this short may be in the keys of others: %q", text)
	options, err := goredis.ParseURL(URL(t).String())
	require.NoError(t, err)
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	found := client.Scan(ctx, 0, "*"+text+"*", 1000).Iterator()
	var names []string
	for found.Next(ctx) {
		names = append(names, found.Val())
		for _, f := range do {
			require.NoError(t, f(ctx, client, found.Val()))
		}
	}
	require.NoError(t, found.Err(), "these tests need Redis: start one, or set TEST_REDIS_URL")
	return names
}
