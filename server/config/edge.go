package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farmersmarket/platform/server/clientaddr"
	"github.com/farmersmarket/platform/server/ratelimit"
)

// loopback is where this machine's own requests come from.
const loopback = "127.0.0.0/8, ::1"

// redisURL never repeats the value: it may hold a password.
func redisURL(into *string) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		switch {
		case value == "":
		case err != nil:
			return errors.New("it is not a URL")
		case u.Scheme != "redis" && u.Scheme != "rediss":
			return fmt.Errorf("scheme %q is neither redis nor rediss", u.Scheme)
		case u.Host == "":
			return errors.New("it names no host: redis://localhost:6379")
		}
		*into = value
		return nil
	}
}

func imagesURL(into *string) func(string) error {
	schemes := []string{"file", "s3", "azblob", "mem"}
	return func(value string) error {
		u, err := url.Parse(value)
		switch {
		case err != nil:
			return errors.New("it is not a URL")
		case !slices.Contains(schemes, u.Scheme):
			return fmt.Errorf("scheme %q is none of %s", u.Scheme, strings.Join(schemes, ", "))
		case u.Host+u.Path == "" && u.Scheme != "mem":
			return errors.New("it names no folder, bucket or container: file://.run/images")
		}
		*into = value
		return nil
	}
}

// rate reads a number of requests in a time: 300/1m.
func rate(into *ratelimit.Rate) func(string) error {
	return func(value string) error {
		count, period, _ := strings.Cut(value, "/")
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of requests in a time such as 300/1m", value)
		}
		length, err := time.ParseDuration(period)
		if err != nil || length < time.Second {
			return fmt.Errorf("%q does not end with a time of at least a second, as 300/1m does", value)
		}
		*into = ratelimit.Rate{Limit: n, Period: length}
		return nil
	}
}

func networks(into *clientaddr.Networks) func(string) error {
	return func(value string) error {
		parsed, err := clientaddr.Parse(value)
		if err != nil {
			return err
		}
		*into = parsed
		return nil
	}
}

// exempt is read after ENVIRONMENT.
func exempt(c *Config) func(string) error {
	return func(value string) error {
		switch {
		case value == "auto" && c.Environment == Development:
			value = loopback
		case value == "auto":
			value = ""
		}
		return networks(&c.RateLimitExempt)(value)
	}
}
