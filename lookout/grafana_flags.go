package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/farmersmarket/platform/dashboards"
	"github.com/farmersmarket/platform/lookout/provision"
)

// grafanaFlags are what `lookout plan` and `lookout apply` share: where Grafana is, who we are there, and where it finds
// the data sources. Secrets come from the environment or a file; a flag would show them in the list of processes.
type grafanaFlags struct {
	url          string
	tokenFile    string
	user         string
	passwordFile string
	timeout      time.Duration
	sources      map[string]string
	links        string
	json         bool
}

const grafanaFlagsHelp = `Credentials are a service account token (GRAFANA_TOKEN, or --token-file) or a user (--grafana-user with
GRAFANA_PASSWORD or --password-file). The service account needs the role Admin, because data sources need it.`

func (f *grafanaFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "grafana-url", fromEnvironment("GRAFANA_URL", "http://localhost:3000"), "address of Grafana's start page (GRAFANA_URL)")
	flags.StringVar(&f.tokenFile, "token-file", os.Getenv("GRAFANA_TOKEN_FILE"), "file with a service account token (GRAFANA_TOKEN_FILE)")
	flags.StringVar(&f.user, "grafana-user", os.Getenv("GRAFANA_USER"), "user name, when there is no token (GRAFANA_USER)")
	flags.StringVar(&f.passwordFile, "password-file", os.Getenv("GRAFANA_PASSWORD_FILE"), "file with the user's password (GRAFANA_PASSWORD_FILE)")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "longest wait for one answer of Grafana")
	flags.StringToStringVar(&f.sources, "data-source-url", nil,
		"where Grafana reaches a data source, as NAME=URL; NAME is prometheus, jaeger or loki\n(PROMETHEUS_URL, JAEGER_URL, LOKI_URL)")
	flags.StringVar(&f.links, "links", dashboards.DefaultLinks, "base of the links to runbooks and pages")
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

func fromEnvironment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// connect reads the secrets and prepares to talk to Grafana.
func (f *grafanaFlags) connect() (*provision.Grafana, error) {
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--timeout is %s: it must be above 0", f.timeout)
	}
	config := provision.Config{URL: f.url, User: f.user, Timeout: f.timeout}
	var err error
	if config.Token, err = secret(f.tokenFile, "GRAFANA_TOKEN"); err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	if config.Password, err = secret(f.passwordFile, "GRAFANA_PASSWORD"); err != nil {
		return nil, fmt.Errorf("--password-file: %w", err)
	}
	return provision.Connect(config)
}

// want is what the code wants in Grafana, with data sources where the flags, else the environment, say.
func (f *grafanaFlags) want() (provision.Desired, error) {
	urls := map[string]string{}
	for name := range provision.DefaultURLs() {
		if url := os.Getenv(strings.ToUpper(name) + "_URL"); url != "" {
			urls[name] = url
		}
	}
	for name, url := range f.sources {
		urls[name] = url
	}
	want, err := provision.Want(urls, strings.TrimSuffix(f.links, "/"))
	if err != nil {
		return want, fmt.Errorf("--data-source-url: %w", err)
	}
	return want, nil
}

// secret reads a secret from a file, else from the environment. Neither its value nor a part of it is in any error.
func secret(file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user names it
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", errors.New(file + " is empty")
	}
	return value, nil
}
