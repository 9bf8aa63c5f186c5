package config

import (
	"errors"
	"fmt"
	"net/url"
)

// clientAddress takes what is recorded of a client's address.
func clientAddress(full *bool) func(string) error {
	return func(value string) error {
		if value != "network" && value != "full" {
			return fmt.Errorf("%q is neither network nor full", value)
		}
		*full = value == "full"
		return nil
	}
}

// sentryDSN never repeats the value: it has a key in it.
func sentryDSN(into *Secret) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		if value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User.Username() == "" || u.Host == "" || len(u.Path) < len("/1")) {
			return errors.New("it is not like https://KEY@HOST/PROJECT")
		}
		return secret(into)(value)
	}
}

// checkTelemetry finds what telemetry lacks.
func (c *Config) checkTelemetry() error {
	if c.OTLPLogs && c.OTLPEndpoint == "" {
		return errors.New("OTLP_LOGS: there is no collector to send them to; set OTLP_ENDPOINT, or OTLP_LOGS=off")
	}
	return nil
}
