// Package probe buys from the market the way a customer does, again and again, and tells whether it worked: it logs in,
// orders, pays in the payment provider's sandbox and cancels, so that nothing is used up.
package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/farmersmarket/platform/sdk/go/market"
)

// UserAgent is how the probe names itself, so that access logs and traces can tell it from people.
const UserAgent = "lookout-probe/1 (synthetic order)"

// DefaultEmail is of a domain that nobody can have (RFC 2606).
const DefaultEmail = "probe@synthetic.invalid"

const (
	defaultTimeout = 15 * time.Second
	// tidyTimeout bounds the cleaning up after a failed run, for which the run's own time may be over.
	tidyTimeout = 5 * time.Second
)

// Config says what is probed, and as whom.
type Config struct {
	URL      string        // the API as customers reach it, for example http://127.0.0.1:8080
	AdminURL string        // the server's admin port, which knows whether payments go to the sandbox
	Email    string        // the synthetic customer, whom nobody else may be; DefaultEmail when empty
	Password string        // 12 to 128 characters; the account is registered with it when there is none
	Timeout  time.Duration // of one run; 15 s when 0
}

// ErrNotSandbox says that payments do not go to a sandbox. The probe then does not order: it would charge for real.
var ErrNotSandbox = errors.New("payments do not go to the sandbox")

func (c *Config) check() error {
	for name, value := range map[string]string{"API": c.URL, "server's admin port": c.AdminURL} {
		parsed, err := url.Parse(value)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			return fmt.Errorf("probe: URL of the %s is %q: want http://host:port", name, value)
		}
	}
	if c.Password == "" {
		return errors.New("probe: the synthetic customer has no password: set PROBE_PASSWORD or PROBE_PASSWORD_FILE; " +
			"the account is registered with it when there is none")
	}
	if c.Timeout < 0 {
		return fmt.Errorf("probe: timeout %s: want a duration above 0", c.Timeout)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Email == "" {
		c.Email = DefaultEmail
	}
	c.URL, c.AdminURL = strings.TrimRight(c.URL, "/"), strings.TrimRight(c.AdminURL, "/")
	return nil
}

// Prober runs the scripted order. One at a time may act as one customer: a run cancels whatever the customer has open.
type Prober struct {
	Config
	transport *http.Transport
}

// New returns a prober. It contacts nobody.
func New(config Config) (*Prober, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Prober{Config: config, transport: &http.Transport{IdleConnTimeout: time.Minute}}, nil
}

// Result is what became of one run.
type Result struct {
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"-"`
	Seconds  float64       `json:"duration_seconds"`
	Success  bool          `json:"success"`
	TraceID  string        `json:"trace_id"` // of all requests of the run
	Steps    []Step        `json:"steps"`    // those that were begun, in order
	Status   int           `json:"status"`   // of the last answer; 0 when the last request had none

	Cleaned  int `json:"cleaned"`  // orders of an earlier run, or of this one when it failed, that were cancelled
	LeftOver int `json:"leftover"` // orders that could not be cancelled, and may reach a packing list

	err error // why it failed
}

// Step is one step of a run.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"duration_seconds"`
	Failure string  `json:"failure,omitempty"` // why it failed; empty when it succeeded
}

// Err returns why the run failed, with the step's name; nil when it succeeded.
func (r Result) Err() error { return r.err }

// FailedStep is the name of the step that failed; empty when all succeeded.
func (r Result) FailedStep() string {
	if last := len(r.Steps) - 1; last >= 0 && r.Steps[last].Failure != "" {
		return r.Steps[last].Name
	}
	return ""
}

// Run orders once. What it ordered is cancelled in every case, also when ctx ends; what an earlier run left behind, because
// it was killed, too.
func (p *Prober) Run(ctx context.Context) Result {
	r, err := p.newRun()
	if err != nil {
		return Result{Started: time.Now(), err: err}
	}
	within, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	for _, step := range script {
		if err := r.take(within, step); err != nil {
			break
		}
	}
	r.result.Duration = time.Since(r.result.Started)
	r.result.Seconds = r.result.Duration.Seconds()
	r.result.Success = r.result.err == nil
	r.result.Status = r.caller.lastStatus
	r.leaveNothing(ctx)
	return r.result
}

// Close closes idle connections.
func (p *Prober) Close() { p.transport.CloseIdleConnections() }

// run is one run of the script, and what it has learned so far.
type run struct {
	*Prober
	api     *market.ClientWithResponses
	caller  *caller
	session *market.Grant // nil before the login
	basket  basket
	order   *market.Order // as the API last told; nil while there is none
	mayHold bool          // an order may have been placed that is not cancelled yet

	result Result
}

func (p *Prober) newRun() (*run, error) {
	id := make([]byte, 16) //nolint:mnd // W3C trace ids have 128 bits
	_, _ = rand.Read(id)   // never fails
	r := &run{
		Prober: p, caller: &caller{traceID: hex.EncodeToString(id), next: p.transport},
		result: Result{Started: time.Now(), TraceID: hex.EncodeToString(id)},
	}
	var err error
	r.api, err = market.New(p.URL, market.WithHTTPClient(&http.Client{Transport: r.caller}),
		market.WithToken(func(context.Context) (string, error) {
			if r.session == nil {
				return "", nil
			}
			return r.session.AccessToken, nil
		}))
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", p.URL, err)
	}
	return r, nil
}

// take does one step and notes how long it took.
func (r *run) take(ctx context.Context, step scripted) error {
	began := time.Now()
	err := step.do(r, ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the run was not done within %s: %w", r.Timeout, err)
	}
	noted := Step{Name: step.name, Seconds: time.Since(began).Seconds()}
	if err != nil {
		noted.Failure = err.Error()
		r.result.err = fmt.Errorf("step %s: %w", step.name, err)
	}
	r.result.Steps = append(r.result.Steps, noted)
	return err
}

// leaveNothing cancels what a failed or stopped run may hold, and ends its session.
func (r *run) leaveNothing(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	if r.session == nil {
		return
	}
	if r.mayHold {
		if err := r.tidy(ctx); err != nil {
			r.result.LeftOver = max(r.result.LeftOver, 1)
			r.result.err = errors.Join(r.result.err, fmt.Errorf("clean up: %w; the next run tries again", err))
		}
	}
	_, _ = r.api.LogoutWithResponse(ctx, market.RefreshInputBody{RefreshToken: r.session.RefreshToken}) // else it expires
}
