package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis/redistest"
)

func TestTheServiceNeedsNoRedis(t *testing.T) {
	url, proxy := redistest.Proxied(t)
	proxy.Cut() // from before the start
	p := start(t, "REDIS_URL="+url, "RATE_LIMIT_EXEMPT=192.0.2.0/24")
	for range 20 {
		status, body := p.get("/api/v1/products")
		require.Equal(t, 200, status, body)
	}
	status, body := p.get("/api/health")
	require.Equal(t, 200, status, "Redis is not required")
	require.Contains(t, body, `"cache":{"status":"down","required":false`)
	_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
	require.Contains(t, metrics, "market_redis_up 0")
	require.NotContains(t, metrics, "market_rate_limit_fallbacks_total 0")
	require.Equal(t, 1, strings.Count(p.logs.String(), "redis away"), "one line, not a flood")

	proxy.Restore()
	require.Eventually(t, func() bool {
		p.get("/api/v1/products?q=" + time.Now().Format("150405.000000"))
		_, metrics := ask(t, http.MethodGet, p.admin+"/metrics", "")
		return strings.Contains(metrics, "market_redis_up 1")
	}, patience, 20*time.Millisecond)
	p.waitForLine("redis back")
}

func TestRequestsOfThisMachineAreNotLimitedInDevelopment(t *testing.T) {
	settings := []string{"RATE_LIMIT_READS=5/1h"}
	free := start(t, settings...)
	limited := start(t, append(settings, "RATE_LIMIT_EXEMPT=")...)
	var refused int
	for range 20 {
		status, body := free.get("/api/v1/farms")
		require.Equal(t, 200, status, body)
		if status, _ = limited.get("/api/v1/farms"); status == http.StatusTooManyRequests {
			refused++
		}
	}
	require.Equal(t, 15, refused)
}
