// Package drill breaks the running stack on purpose, in a bounded way, and checks that whoever is on call hears of it.
package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/farmersmarket/platform/slo"
)

// Drill is one thing that can be practised.
type Drill struct {
	Name        string
	Description string // one sentence
	run         func(context.Context, *stage) error
}

// All returns every drill, by name.
func All() []Drill {
	return []Drill{apiOutage()}
}

// Find returns a drill by its name; the error lists those there are.
func Find(name string) (Drill, error) {
	var names []string
	for _, d := range All() {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Drill{}, fmt.Errorf("there is no drill %q; there is %s", name, strings.Join(names, ", "))
}

// Config says against what a drill runs and within which bounds.
type Config struct {
	ServerURL       string // the public API
	AdminURL        string // the server's admin port
	PrometheusURL   string
	AlertmanagerURL string
	PagerURL        string

	SLO       slo.SLO       // whose alert the drill is about
	GroupWait time.Duration // that Alertmanager's route for pages waits

	Rate          float64       // requests per second during the outage
	RecoveryRate  float64       // good requests per second after it; 0 waits for the windows to forget instead
	PageWithin    time.Duration // of the first bad response
	ResolveWithin time.Duration // of the fault's end

	Tell func(Event)      // called as each event of the timeline happens; may be nil
	Say  func(string)     // called with what a person should know meanwhile; may be nil
	Poll time.Duration    // between two looks at the stack; 500 ms when 0
	Now  func() time.Time // time.Now when nil
}

const (
	defaultPoll = 500 * time.Millisecond
	// maxFault is the server's own bound on a fault.
	maxFault = time.Hour
)

func (c *Config) check() error {
	for name, value := range map[string]string{
		"server": c.ServerURL, "server's admin port": c.AdminURL, "Prometheus": c.PrometheusURL,
		"Alertmanager": c.AlertmanagerURL, "pager": c.PagerURL,
	} {
		parsed, err := url.Parse(value)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			return fmt.Errorf("URL of the %s is %q: want http://host:port", name, value)
		}
	}
	switch {
	case c.Rate <= 0:
		return fmt.Errorf("%g requests per second during the outage: without traffic no outage is seen", c.Rate)
	case c.RecoveryRate < 0:
		return fmt.Errorf("recovery rate %g: want 0 or more requests per second", c.RecoveryRate)
	case c.PageWithin <= 0 || c.PageWithin > maxFault-faultMargin:
		return fmt.Errorf("page within %s: want a duration above 0 and at most %s", c.PageWithin, maxFault-faultMargin)
	case c.ResolveWithin <= 0:
		return fmt.Errorf("resolve within %s: want a duration above 0", c.ResolveWithin)
	case c.SLO.Objective == nil:
		return errors.New("no SLO is given")
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.Tell == nil {
		c.Tell = func(Event) {}
	}
	if c.Say == nil {
		c.Say = func(string) {}
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Run practises a drill. An error means that it could not be held or brought to its end; whether what it checks holds
// stands in the report. Faults that it injected are cleared in every case, also when ctx is cancelled.
func Run(ctx context.Context, d Drill, config Config) (Report, error) {
	if err := config.check(); err != nil {
		return Report{}, fmt.Errorf("drill %s: %w", d.Name, err)
	}
	config.setDefaults()
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	defer transport.CloseIdleConnections()
	s := &stage{
		Config: config, client: &http.Client{Transport: transport},
		report: Report{Drill: d.Name, Started: config.Now().UTC(), Timeline: []Event{}, Failures: []string{}},
	}
	err := d.run(ctx, s)
	s.report.Passed = err == nil && len(s.report.Failures) == 0
	if err != nil {
		return s.report, fmt.Errorf("drill %s: %w", d.Name, err)
	}
	return s.report, nil
}

// stage is what a drill plays on: the stack, and the report that it writes.
type stage struct {
	Config
	client *http.Client
	report Report
}

// event adds to the timeline, in the order of time.
func (s *stage) event(name string, at time.Time, detail string) {
	e := Event{Name: name, At: at.UTC(), Detail: detail}
	s.report.Timeline = append(s.report.Timeline, e)
	slices.SortStableFunc(s.report.Timeline, func(a, b Event) int { return a.At.Compare(b.At) })
	s.Tell(e)
}

func (s *stage) fail(format string, arguments ...any) {
	s.report.Failures = append(s.report.Failures, fmt.Sprintf(format, arguments...))
}

// until asks again and again until the answer is yes. It gives no and no error when the time is up first. A question that
// fails is asked again: only the last failure counts, and only when the time is up.
func (s *stage) until(ctx context.Context, within time.Duration, ask func(context.Context) (bool, error)) (bool, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(s.Poll)
	defer ticker.Stop()
	for {
		yes, err := ask(ctx)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if yes {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-deadline.C:
			return false, err
		case <-ticker.C:
		}
	}
}
