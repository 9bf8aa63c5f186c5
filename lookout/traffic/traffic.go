// Package traffic sends the requests that shoppers of the market would send: they leaf through products, filter by
// category, search, open a product and look at farms. It learns ids, categories and words from the API's own answers.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// UserAgent is how the traffic names itself, so that access logs and traces can tell it from people.
const UserAgent = "lookout-traffic/1 (synthetic shopper)"

const (
	defaultConcurrency = 64
	defaultTimeout     = 10 * time.Second
	maxRate            = 10_000
	maxAnswerBytes     = 1 << 20
	// maxLag is how far behind its schedule the traffic may run before it gives up the missed requests. Without it a
	// machine that wakes from sleep would send hours of requests at once.
	maxLag = time.Second
)

// Config says where the traffic goes and how much of it there is.
type Config struct {
	BaseURL     string        // the API, for example http://127.0.0.1:8080
	Rate        float64       // requests per second, above 0 and at most 10,000
	Concurrency int           // requests in flight at once; 64 when 0. Beyond it requests are skipped, never queued
	Timeout     time.Duration // of one request; 10 s when 0
	Path        string        // when set, only this path is requested instead of the shopper mix
	Untraced    bool          // asks the API not to sample traces, so that a flood does not push the interesting ones out of the store
	Observe     func(Result)  // called after each request, from many goroutines; may be nil
}

// Result is what became of one request.
type Result struct {
	Path   string
	At     time.Time // when the answer, or the failure, was known
	Status int       // HTTP status; 0 when there was no answer
	Err    error     // why there was no answer; ErrSkipped when the request was not sent
}

// ErrSkipped marks requests that were due but not sent because too many were already in flight.
var ErrSkipped = errors.New("not sent: too many requests in flight")

// Failed says whether a shopper would call the request failed: no answer, or a server error.
func (r Result) Failed() bool {
	return r.Status == 0 || r.Status >= http.StatusInternalServerError
}

func (c *Config) check() error {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return fmt.Errorf("traffic: base URL %q: want http://host:port", c.BaseURL)
	}
	if !(c.Rate > 0 && c.Rate <= maxRate) {
		return fmt.Errorf("traffic: rate %g: want requests per second above 0 and at most %d", c.Rate, maxRate)
	}
	if c.Concurrency < 0 || c.Timeout < 0 {
		return fmt.Errorf("traffic: concurrency %d and timeout %s must not be negative", c.Concurrency, c.Timeout)
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Observe == nil {
		c.Observe = func(Result) {}
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return nil
}

// Run sends requests at the configured rate until ctx ends, then waits for those in flight and returns nil. The
// schedule is open-loop: a slow or absent API changes neither the rate nor the mix, and nothing is ever retried. Its
// only errors are those of the configuration.
func Run(ctx context.Context, config Config) error {
	if err := config.check(); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: config.Concurrency, IdleConnTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	run := &runner{
		Config: config,
		client: &http.Client{Transport: transport, Timeout: config.Timeout},
		slots:  make(chan struct{}, config.Concurrency),
	}
	run.loop(ctx)
	run.inFlight.Wait()
	return nil
}

type runner struct {
	Config
	client   *http.Client
	slots    chan struct{}
	inFlight sync.WaitGroup
	seen     market
}

func (r *runner) loop(ctx context.Context) {
	interval := time.Duration(float64(time.Second) / r.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; due = due.Add(interval) {
		if late := time.Since(due); late > maxLag {
			due = time.Now()
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		r.start(ctx)
	}
}

func (r *runner) start(ctx context.Context) {
	path := r.Path
	if path == "" {
		path = r.seen.nextPath(rand.IntN)
	}
	select {
	case r.slots <- struct{}{}:
	default:
		r.Observe(Result{Path: path, At: time.Now(), Err: ErrSkipped})
		return
	}
	r.inFlight.Go(func() {
		defer func() { <-r.slots }()
		status, err := r.request(ctx, path)
		if ctx.Err() != nil && err != nil {
			return // the run was stopped; the API did not fail
		}
		r.Observe(Result{Path: path, At: time.Now(), Status: status, Err: err})
	})
}

func (r *runner) request(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.BaseURL+path, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("request %s: %w", path, err)
	}
	request.Header.Set("User-Agent", UserAgent)
	request.Header.Set("Accept", "application/json")
	if r.Untraced {
		request.Header.Set("Traceparent", untraced())
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return 0, fmt.Errorf("read the answer to %s: %w", path, err)
	}
	if response.StatusCode == http.StatusOK && r.Path == "" {
		r.seen.learn(path, body)
	}
	return response.StatusCode, nil
}

// untraced is a W3C trace context whose flags say that the caller does not sample.
func untraced() string {
	return fmt.Sprintf("00-%016x%016x-%016x-00", rand.Uint64(), rand.Uint64()|1, rand.Uint64()|1) //nolint:gosec // ids need to differ, not to be secret
}
