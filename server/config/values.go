package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farmersmarket/platform/server/auth"
)

func oneOf(into *string, allowed ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
		}
		*into = value
		return nil
	}
}

func onOff(into *bool) func(string) error {
	return func(value string) error {
		switch value {
		case "on":
			*into = true
		case "off":
			*into = false
		default:
			return fmt.Errorf("%q is neither on nor off", value)
		}
		return nil
	}
}

func address(into *string) func(string) error {
	return func(value string) error {
		if err := checkHostPort(value); err != nil {
			return err
		}
		*into = value
		return nil
	}
}

func endpoint(into *string) func(string) error {
	return func(value string) error {
		if value == "none" {
			*into = ""
			return nil
		}
		if err := checkHostPort(value); err != nil {
			return err
		}
		*into = value
		return nil
	}
}

func checkHostPort(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%q is not a host:port", value)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535 but %q", value, port)
	} else if n == 0 && !strings.HasPrefix(value, "127.0.0.1:") {
		return fmt.Errorf("%q asks for any free port, which only makes sense on 127.0.0.1", value)
	}
	return nil
}

func duration(into *time.Duration, least time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 500ms or 10s", value)
		}
		if d < least {
			return fmt.Errorf("%q is less than %s", value, least)
		}
		*into = d
		return nil
	}
}

func integer(into *int, least, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", value)
		}
		if n < least || n > most {
			return fmt.Errorf("%d is not from %d to %d", n, least, most)
		}
		*into = n
		return nil
	}
}

func ratio(into *float64) func(string) error {
	return func(value string) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= 0 && f <= 1) { // NaN fails this
			return fmt.Errorf("%q is not a number from 0 to 1", value)
		}
		*into = f
		return nil
	}
}

func level(into *slog.Level) func(string) error {
	return func(value string) error {
		if err := into.UnmarshalText([]byte(value)); err != nil {
			return fmt.Errorf("%q is none of debug, info, warn, error", value)
		}
		return nil
	}
}

// databaseURL never repeats the value: it may hold a password.
func databaseURL(into *string) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		switch {
		case err != nil:
			return errors.New("it is not a URL")
		case u.Scheme == "sqlite" && u.Host+u.Path+u.Opaque == "":
			return errors.New("it names no file: sqlite://.run/market.db")
		case u.Scheme != "sqlite" && u.Scheme != "postgres" && u.Scheme != "postgresql":
			return fmt.Errorf("scheme %q is neither sqlite nor postgres", u.Scheme)
		}
		*into = value
		return nil
	}
}

// authKeys never repeats the value: it is secret.
func authKeys(into *auth.Keys) func(string) error {
	return func(value string) error {
		if value == "" {
			return nil
		}
		keys, err := auth.ParseKeys(value)
		if err != nil {
			return err
		}
		*into = keys
		return nil
	}
}

func path(into *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("it names no file")
		}
		*into = value
		return nil
	}
}

// migrate and seed default to what the embedded mode needs. They are read after DATABASE_URL and ENVIRONMENT.
func migrate(c *Config) func(string) error {
	return func(value string) error {
		if value == "auto" {
			c.Migrate = strings.HasPrefix(c.DatabaseURL, "sqlite:")
			return nil
		}
		return onOff(&c.Migrate)(value)
	}
}

func seed(c *Config) func(string) error {
	return func(value string) error {
		if value == "auto" {
			c.Seed = strings.HasPrefix(c.DatabaseURL, "sqlite:") && c.Environment == Development
			return nil
		}
		return onOff(&c.Seed)(value)
	}
}
