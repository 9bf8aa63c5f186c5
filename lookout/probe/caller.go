package probe

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

// caller sends the requests of one run: under one trace that is sampled, so that a failed run can be looked at, and under
// the probe's name.
type caller struct {
	traceID    string
	next       http.RoundTripper
	lastStatus int // 0 when the last request had no answer
}

// RoundTrip implements http.RoundTripper.
func (c *caller) RoundTrip(request *http.Request) (*http.Response, error) {
	span := make([]byte, 8) //nolint:mnd // W3C span ids have 64 bits
	_, _ = rand.Read(span)  // never fails
	request = request.Clone(request.Context())
	request.Header.Set("Traceparent", "00-"+c.traceID+"-"+hex.EncodeToString(span)+"-01")
	request.Header.Set("User-Agent", UserAgent)
	c.lastStatus = 0
	response, err := c.next.RoundTrip(request)
	if err == nil {
		c.lastStatus = response.StatusCode
	}
	return response, err
}
