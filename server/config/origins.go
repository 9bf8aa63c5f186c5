package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// originHost matches names and IPv4 addresses as browsers write them: of other alphabets in Punycode.
var originHost = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$`)

// origins reads a list with commas of the origins of pages, each exactly as browsers send it: whatever else is in the
// list would never match.
func origins(into *[]string) func(string) error {
	return func(value string) error {
		if strings.TrimSpace(value) == "" {
			return nil
		}
		var all []string
		var problems []error
		for entry := range strings.SplitSeq(value, ",") {
			entry = strings.TrimSpace(entry)
			if err := checkOrigin(entry); err != nil {
				problems = append(problems, err)
			}
			all = append(all, entry)
		}
		*into = all
		return errors.Join(problems...)
	}
}

// checkOrigin does not repeat the password of an entry that has one.
func checkOrigin(entry string) error {
	if strings.Contains(entry, "*") {
		return fmt.Errorf("%q has a *, which stands for nothing here: list each origin by itself", Mask(entry))
	}
	written, ok := originOf(entry)
	switch {
	case !ok:
		return fmt.Errorf("%q is not an origin: write scheme, host and, where it is not the usual one, port, as in https://shop.example.org or http://localhost:3000", Mask(entry))
	case written != entry:
		return fmt.Errorf("%q is not what browsers send as the origin: write %s", Mask(entry), written)
	}
	return nil
}

// originOf returns the origin of a URL as browsers serialize it: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin.
func originOf(text string) (origin string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() && address.Zone() == "" {
		host = "[" + address.String() + "]"
	} else if !originHost.MatchString(host) {
		return "", false
	}
	if u.Port() == "" {
		return u.Scheme + "://" + host, true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return "", false
	}
	if usual := map[string]uint64{"http": 80, "https": 443}; port == usual[u.Scheme] {
		return u.Scheme + "://" + host, true
	}
	return fmt.Sprintf("%s://%s:%d", u.Scheme, host, port), true
}
