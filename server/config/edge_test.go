package config_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/ratelimit"
)

func TestThisMachineHasNoRateLimitInDevelopmentOnly(t *testing.T) {
	for environment, exempt := range map[string]bool{"development": true, "staging": false} {
		c, err := config.Load([]string{"ENVIRONMENT=" + environment})
		require.NoError(t, err)
		require.True(t, c.RateLimits)
		for _, address := range []string{"127.0.0.1", "::1"} {
			require.Equal(t, exempt, c.RateLimitExempt.Contain(netip.MustParseAddr(address)), environment)
		}
		require.False(t, c.RateLimitExempt.Contain(netip.MustParseAddr("192.0.2.1")))
		require.Empty(t, c.TrustedProxies, "no proxy is trusted unasked")
	}
}

func TestRatesNetworksAndStoresAreReadStrictly(t *testing.T) {
	c, err := config.Load([]string{
		"RATE_LIMIT_READS=7/90s", "TRUSTED_PROXIES=10.0.0.0/8", "RATE_LIMIT_EXEMPT=192.0.2.0/24", "REDIS_URL=rediss://:x@cache:6380/1",
		"IMAGES_URL=s3://pictures?region=eu-west-1",
	})
	require.NoError(t, err)
	require.Equal(t, ratelimit.Rate{Limit: 7, Period: 90 * time.Second}, c.ReadRate)
	require.True(t, c.TrustedProxies.Contain(netip.MustParseAddr("10.1.2.3")))
	require.False(t, c.RateLimitExempt.Contain(netip.MustParseAddr("127.0.0.1")))

	for setting, want := range map[string]string{
		"RATE_LIMIT_READS=fast":                `"fast" is not a number of requests`,
		"RATE_LIMIT_READS=0/1m":                "not a number of requests",
		"RATE_LIMIT_AUTH=5":                    "at least a second",
		"RATE_LIMIT_AUTH=5/1ms":                "at least a second",
		"RATE_LIMIT_EXEMPT=localhost":          `"localhost" is neither a network`,
		"TRUSTED_PROXIES=10.0.0.0/64":          "neither a network",
		"REDIS_URL=memcached://cache":          `scheme "memcached"`,
		"REDIS_URL=redis://":                   "names no host",
		"REDIS_URL=redis://:hunter2@cache:x/0": "it is not a URL",
		"IMAGES_URL=gs://pictures":             `scheme "gs" is none of`,
		"IMAGES_URL=file://":                   "names no folder",
		"CACHE_SIZE=10":                        "CACHE_SIZE",
		"CACHE_TTL=0s":                         "CACHE_TTL",
	} {
		_, err := config.Load([]string{setting})
		require.ErrorContains(t, err, want, setting)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
