package probe

import "net/http"

// caller sends the requests of one run, under the probe's name.
type caller struct {
	next       http.RoundTripper
	lastStatus int // 0 when the last request had no answer
}

// RoundTrip implements http.RoundTripper.
func (c *caller) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("User-Agent", UserAgent)
	c.lastStatus = 0
	response, err := c.next.RoundTrip(request)
	if err == nil {
		c.lastStatus = response.StatusCode
	}
	return response, err
}
