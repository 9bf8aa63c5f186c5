package stack

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
)

// jaegerPlaceholder is what Jaeger shows in place of its pages when it was built without them.
const jaegerPlaceholder = "This is a placeholder for the Jaeger UI home page"

// hasPages says whether a person who opens the URL sees something. Prometheus and Jaeger, when built from their Go
// modules, carry no web pages: Prometheus then answers with an error, Jaeger with a placeholder.
func hasPages(ctx context.Context, client *http.Client, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return err == nil && response.StatusCode == http.StatusOK &&
		strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") &&
		!bytes.Contains(page, []byte(jaegerPlaceholder))
}
