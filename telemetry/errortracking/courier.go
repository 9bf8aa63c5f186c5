package errortracking

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// largestAnswer bounds what is read of Sentry's answer, in bytes.
const largestAnswer = 64 << 10

// courier carries events to Sentry and notes what became of the last one, which the SDK tells nobody. It is used by one
// goroutine.
type courier struct {
	base    http.RoundTripper
	host    string
	aborted context.Context //nolint:containedctx // of the tracker, which gives up at the end

	outcome string
	err     error
}

// RoundTrip implements http.RoundTripper.
func (c *courier) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	defer context.AfterFunc(c.aborted, cancel)()
	response, err := c.base.RoundTrip(request.WithContext(ctx))
	if err != nil {
		c.outcome, c.err = catalogue.ErrorEventUnavailable, err
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	if err != nil {
		c.outcome, c.err = catalogue.ErrorEventUnavailable, err
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if c.outcome = outcomeOf(response.StatusCode); c.outcome != catalogue.ErrorEventSent {
		c.err = fmt.Errorf("it answered %s", response.Status)
	}
	return response, nil
}

func outcomeOf(status int) string {
	switch {
	case status < http.StatusMultipleChoices:
		return catalogue.ErrorEventSent
	case status == http.StatusTooManyRequests:
		return catalogue.ErrorEventLimited
	case status >= http.StatusInternalServerError:
		return catalogue.ErrorEventUnavailable
	}
	return catalogue.ErrorEventRejected
}
