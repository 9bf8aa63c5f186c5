package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/farmersmarket/platform/server/auth"
)

// Secret is a value that must not be seen. However it is printed, it is masked.
type Secret string

const masked = "********"

// String masks the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString masks the secret in %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText masks the secret in JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

func secret(into *Secret) func(string) error {
	return func(value string) error {
		if strings.ContainsFunc(value, unicode.IsSpace) {
			return errors.New("it has a space or a line break in it")
		}
		*into = Secret(value)
		return nil
	}
}

// secretFile reads the secret from a file, as secret stores of container platforms provide it. It comes after the
// setting that has the secret itself. An empty file is no secret.
func secretFile(into *Secret, other string) func(string) error {
	return func(file string) error {
		value, err := readSecret(file, other, *into == "")
		if err != nil {
			return err
		}
		if value == "" {
			return nil
		}
		return secret(into)(value)
	}
}

// authKeysFile reads the keys from a file. It comes after AUTH_KEYS.
func authKeysFile(into *auth.Keys) func(string) error {
	return func(file string) error {
		value, err := readSecret(file, "AUTH_KEYS", into.Empty())
		if err != nil {
			return err
		}
		return authKeys(into)(value)
	}
}

// readSecret returns the file's content without the white space around it; nothing for no file.
func readSecret(file, other string, unset bool) (string, error) {
	if file == "" {
		return "", nil
	}
	if !unset {
		return "", fmt.Errorf("%s is set as well: set one of them", other)
	}
	content, err := os.ReadFile(file) //nolint:gosec // the operator chooses the file
	return strings.TrimSpace(string(content)), err
}

// baseURL takes the address of a service that secrets are sent to: with TLS, unless it is on this machine, as in tests.
func baseURL(into *string) func(string) error {
	return func(value string) error {
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return fmt.Errorf("%q is not a URL such as https://api.stripe.com", Mask(value))
		}
		ip := net.ParseIP(u.Hostname())
		local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
		if u.Scheme != "https" && (u.Scheme != "http" || !local) {
			return fmt.Errorf("%q is neither https nor on this machine", value)
		}
		*into = value
		return nil
	}
}
