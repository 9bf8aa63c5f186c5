package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Bounds of the connection to Grafana.
const (
	maxConnections = parallelReads
	dialTimeout    = 5 * time.Second
	attempts       = 4
	firstBackoff   = 250 * time.Millisecond
	maxBackoff     = 5 * time.Second
	// maxRetryAfter is the longest that Grafana may make us wait. Past it, failing now is kinder than hanging.
	maxRetryAfter = 60 * time.Second
)

// transport sends requests to Grafana: it authenticates, bounds the connections, and tries again where that is safe. The
// generated client's own retry ignores contexts and Retry-After, repeats writes, and changes http.DefaultTransport.
type transport struct {
	next         http.RoundTripper
	authenticate func(*http.Request)
	sleep        func(context.Context, time.Duration) error
}

func newTransport(config Config) *transport {
	return &transport{
		next: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: config.Timeout,
			MaxConnsPerHost:       maxConnections,
			MaxIdleConnsPerHost:   maxConnections,
			IdleConnTimeout:       30 * time.Second,
			ForceAttemptHTTP2:     true,
		},
		authenticate: config.authenticate,
		sleep:        config.Sleep,
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := readBody(request)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		try := request.Clone(request.Context())
		if body != nil {
			try.Body, try.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		t.authenticate(try)
		response, err := t.next.RoundTrip(try)
		if attempt == attempts || !repeatable(request.Method, response, err) {
			return response, err
		}
		wait, err := pauseBefore(attempt+1, response)
		if err != nil {
			return response, nil //nolint:nilerr // told to wait too long: the answer itself is the error to show
		}
		if response != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxErrorBody)) // so that the connection is used again
			_ = response.Body.Close()
		}
		if err := t.sleep(request.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// readBody takes the whole body, which is small, so that it can be sent again.
func readBody(request *http.Request) ([]byte, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return nil, nil
	}
	defer request.Body.Close()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request to send: %w", err)
	}
	return body, nil
}

// repeatable says whether a request may be sent again as it is. A write may only when it certainly was not carried out:
// nobody was reached, or it was turned away at the door. After any other failure the caller looks first (writeStep).
func repeatable(method string, response *http.Response, err error) bool {
	reads := method == http.MethodGet
	if err != nil {
		return unreached(err) || reads && brokenOff(err)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reads
	default:
		return false
	}
}

// unreached says whether no connection was made at all.
func unreached(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// brokenOff says whether a connection that was made broke before the answer.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

var errTooLong = errors.New("told to wait too long")

// pauseBefore is how long to wait before the attempt: as long as the answer's Retry-After asks, else exponentially
// longer, with jitter so that several clients do not come back at once.
func pauseBefore(attempt int, response *http.Response) (time.Duration, error) {
	if response != nil {
		if wait, ok := retryAfter(response.Header.Get("Retry-After")); ok {
			if wait > maxRetryAfter {
				return 0, errTooLong
			}
			return wait, nil
		}
	}
	return backoff(attempt), nil
}

func backoff(attempt int) time.Duration {
	wait := min(firstBackoff<<(attempt-2), maxBackoff)
	return wait/2 + rand.N(wait/2) //nolint:gosec // jitter needs no secrecy
}

// retryAfter reads the header's two forms: seconds, and a date.
func retryAfter(header string) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0), true
	}
	return 0, false
}

// sleep waits, or returns the context's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
