package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/farmersmarket/platform/internal/nearest"
)

// setting is one environment variable.
type setting struct {
	name  string
	value string // the default
	help  string
	set   func(value string) error
}

// Load reads the settings from environ, which has the form of os.Environ. Its error lists every problem at once.
func Load(environ []string) (Config, error) {
	var config Config
	settings := config.settings()
	given, problems := lookUp(environ, settings)
	for _, s := range settings {
		value, ok := given[s.name]
		if !ok {
			value = s.value
		}
		if err := s.set(value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w (%s)", s.name, err, s.help))
		}
	}
	if err := config.check(); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return Config{}, fmt.Errorf("the configuration has %d problem(s):\n%w", len(problems), errors.Join(problems...))
	}
	return config, nil
}

// lookUp picks the settings out of the environment. An environment holds much that is not ours, so a variable is taken
// for a misspelt setting only when it is almost one.
func lookUp(environ []string, settings []setting) (given map[string]string, problems []error) {
	given = map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(settings, func(s setting) bool { return s.name == name }) {
			given[name] = value
		} else if meant := misspelt(name, settings); meant != "" {
			problems = append(problems, fmt.Errorf("%s: there is no such setting; did you mean %s?", name, meant))
		}
	}
	return given, problems
}

// misspelt returns the setting that name is within two edits of, or one when it is short.
func misspelt(name string, settings []setting) string {
	const long = 8
	edits := 1
	if len(name) >= long {
		edits = 2
	}
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	meant, _ := nearest.Within(edits, strings.ToUpper(name), names)
	return meant
}

// check finds settings that do not go together.
func (c *Config) check() error {
	return errors.Join(c.checkProduction(), c.checkStripe(), c.checkTelemetry())
}

// checkProduction finds what is for other environments only.
func (c *Config) checkProduction() error {
	if c.Environment != Production {
		return nil
	}
	var problems []error
	if c.Faults {
		problems = append(problems, errors.New("FAULTS: faults cannot be on in production; use ENVIRONMENT=staging for a drill"))
	}
	if c.AuthKeys.Empty() {
		problems = append(problems, errors.New("AUTH_KEYS: production needs keys of its own: AUTH_KEYS=2026-03:$(openssl rand -base64 32), or AUTH_KEYS_FILE with that in it"))
	}
	if c.Payments == SandboxPayments {
		problems = append(problems, errors.New("PAYMENTS: the sandbox takes no money, so it cannot be used in production; set PAYMENTS=stripe"))
	}
	return errors.Join(problems...)
}

// checkStripe finds what Stripe lacks.
func (c *Config) checkStripe() error {
	if c.Payments != StripePayments {
		return nil
	}
	var problems []error
	if c.StripeSecretKey == "" {
		problems = append(problems, errors.New("STRIPE_SECRET_KEY: PAYMENTS=stripe needs it; set it, or STRIPE_SECRET_KEY_FILE to a file that has it"))
	}
	if c.StripeWebhookSecret == "" {
		problems = append(problems, errors.New("STRIPE_WEBHOOK_SECRET: PAYMENTS=stripe needs it; set it, or STRIPE_WEBHOOK_SECRET_FILE to a file that has it"))
	}
	return errors.Join(problems...)
}
