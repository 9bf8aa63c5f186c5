// Package probe buys from the market the way a customer does, again and again, and tells whether it worked: it logs in,
// orders, pays in the payment provider's sandbox and cancels, so that nothing is used up.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/farmersmarket/platform/sdk/go/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
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

	OTLPEndpoint string    // host:port of the collector that takes the spans of the runs over gRPC; empty: they are not exported
	OTLPInsecure bool      // without TLS
	Logs         io.Writer // of what the daemon and the exporter have to say; standard error when nil
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
	if _, _, err := net.SplitHostPort(c.OTLPEndpoint); c.OTLPEndpoint != "" && err != nil {
		return fmt.Errorf("probe: OTLP_ENDPOINT is %q: want host:port, or none", c.OTLPEndpoint)
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
	telemetry *telemetry.Telemetry
	tracer    trace.Tracer
}

// New returns a prober. It contacts nobody but the collector.
func New(config Config) (*Prober, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	tel, err := startTelemetry(config)
	if err != nil {
		return nil, err
	}
	return &Prober{
		Config: config, transport: &http.Transport{IdleConnTimeout: time.Minute},
		telemetry: tel, tracer: tel.TracerProvider().Tracer(scope),
	}, nil
}

// Result is what became of one run.
type Result struct {
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"-"`
	Seconds  float64       `json:"duration_seconds"`
	Success  bool          `json:"success"`
	TraceID  string        `json:"trace_id"` // of the run, but for the wait for the refund
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
	r.act(within)
	// What follows is in no trace: the wait would make each a slow one, and those are kept.
	rest := telemetry.Unrecorded(within)
	if r.result.err == nil {
		_ = r.take(rest, refund) // the result has its error
	}
	r.logOut(rest)
	r.result.Success = r.result.err == nil
	return r.result
}

// Close closes idle connections, and sends the spans that are still to be sent.
func (p *Prober) Close() {
	p.transport.CloseIdleConnections()
	_ = p.telemetry.Shutdown(context.Background()) // it has logged what was lost
}

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
	r := &run{
		Prober: p, caller: &caller{next: measured(p.telemetry, p.transport, p.URL, p.AdminURL)},
		result: Result{Started: time.Now()},
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

// act does the steps of the script in one trace, and cancels at once what a failed or stopped run may hold.
func (r *run) act(ctx context.Context) {
	ctx, span := r.tracer.Start(ctx, "scripted order", trace.WithNewRoot())
	r.result.TraceID = span.SpanContext().TraceID().String()
	for _, step := range script {
		if err := r.take(ctx, step); err != nil {
			break
		}
	}
	r.cleanUp(ctx)
	endSpan(span, r.result.err)
}

// take does one step and notes how long it took.
func (r *run) take(ctx context.Context, step scripted) error {
	began := time.Now()
	ctx, span := r.startStep(ctx, step.name)
	err := step.do(r, ctx)
	endSpan(span, err)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the run was not done within %s: %w", r.Timeout, err)
	}
	noted := Step{Name: step.name, Seconds: time.Since(began).Seconds()}
	if err != nil {
		noted.Failure = err.Error()
		r.result.err = fmt.Errorf("step %s: %w", step.name, err)
	}
	r.result.Steps = append(r.result.Steps, noted)
	r.result.Duration = time.Since(r.result.Started)
	r.result.Seconds = r.result.Duration.Seconds()
	r.result.Status = r.caller.lastStatus
	return err
}

// cleanUp cancels what a failed or stopped run may hold.
func (r *run) cleanUp(ctx context.Context) {
	if !r.mayHold || r.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	ctx, span := r.startStep(ctx, catalogue.ProbeCleanUp)
	err := r.tidy(ctx)
	endSpan(span, err)
	if err != nil {
		r.result.LeftOver = max(r.result.LeftOver, 1)
		r.result.err = errors.Join(r.result.err, fmt.Errorf("clean up: %w; the next run tries again", err))
	}
}

// logOut ends the session. If it fails, the session expires.
func (r *run) logOut(ctx context.Context) {
	if r.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	_, _ = r.api.LogoutWithResponse(ctx, market.RefreshInputBody{RefreshToken: r.session.RefreshToken})
}
