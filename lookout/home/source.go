package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// sourceTimeout bounds what one slow source can add to the time to the page.
	sourceTimeout  = 3 * time.Second
	maxAnswerBytes = 16 << 20
)

// errNotFound is a 404 of a source.
var errNotFound = errors.New("not found")

// getJSON reads one JSON answer of a source. Its error names the source, its address and what went wrong.
func getJSON(ctx context.Context, client *http.Client, source, base, pathAndQuery string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+pathAndQuery, http.NoBody)
	if err != nil {
		return fmt.Errorf("%s at %s cannot be asked: %w", source, base, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return unreachable(source, base, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return unreachable(source, base, err)
	}
	if response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s at %s: %w", source, base, errNotFound)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s at %s answers %s", source, base, response.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s at %s answers something other than expected: %w", source, base, err)
	}
	return nil
}

// unreachable says in plain words why a source gave no answer, without the layers of the HTTP client's error.
func unreachable(source, base string, err error) error {
	reason := err.Error()
	var urlError *url.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = "nothing listens there"
	case errors.Is(err, context.DeadlineExceeded):
		reason = fmt.Sprintf("no answer within %s", sourceTimeout)
	case errors.As(err, &dns):
		reason = "its name is not known"
	case errors.As(err, &urlError):
		reason = urlError.Err.Error()
	}
	return &unreachableError{text: fmt.Sprintf("%s at %s does not answer: %s", source, base, reason), cause: err}
}

type unreachableError struct {
	text  string
	cause error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.cause }
