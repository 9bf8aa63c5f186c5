package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
)

// Print writes every setting as it is in force, where it comes from, and what it means. Passwords are masked.
func Print(w io.Writer, environ []string) error {
	var config Config
	settings := config.settings()
	given, _ := lookUp(environ, settings)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tFROM\tMEANING")
	for _, s := range settings {
		value, from := s.value, "default"
		if v, ok := given[s.name]; ok {
			value, from = v, "environment"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.name, mask(s.name, value), from, s.help)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return nil
}

// mask hides the values of secret settings.
func mask(name, value string) string {
	for _, ending := range []string{"_KEY", "_KEYS", "_SECRET", "_TOKEN", "_PASSWORD", "_DSN"} {
		if strings.HasSuffix(name, ending) && value != "" {
			return "********"
		}
	}
	if strings.HasSuffix(name, "_ORIGINS") { // each is a URL, and all together are none
		entries := strings.Split(value, ",")
		for i, entry := range entries {
			entries[i] = Mask(strings.TrimSpace(entry))
		}
		return strings.Join(entries, ", ")
	}
	return Mask(value)
}

// Mask hides the password in a URL, and the values of its secret parameters. Of what is no URL but names a password, as
// PostgreSQL's key=value form does, nothing is shown.
func Mask(value string) string {
	if !strings.Contains(value, "://") {
		if strings.Contains(strings.ToLower(value), "password") {
			return "********"
		}
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "********"
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") || strings.Contains(strings.ToLower(name), "key") {
			query.Set(name, "********")
		}
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "%2A", "*")
	if _, has := u.User.Password(); has {
		name := u.User.Username()
		u.User = nil
		return strings.Replace(u.String(), "://", "://"+url.PathEscape(name)+":********@", 1)
	}
	return u.String()
}
