// Package market is a client of the Farmers Market API. The calls are generated; New, WithToken and Check are not.
package market

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DefaultTimeout bounds a call whose context has no earlier deadline. WithHTTPClient replaces it.
const DefaultTimeout = 30 * time.Second

// New returns a client of the API at the base URL, for example https://market.example.org. Every call takes a context,
// and is made once: what is worth a retry is the caller's to know. Reads can be repeated, and so can an order or a
// payment with the same idempotency key.
func New(baseURL string, options ...ClientOption) (*ClientWithResponses, error) {
	withTimeout := WithHTTPClient(&http.Client{Timeout: DefaultTimeout})
	return NewClientWithResponses(baseURL, append([]ClientOption{withTimeout}, options...)...)
}

// WithToken sends the access token that the source returns with every call. An empty token is none: the call is that of
// a stranger. The source decides when to refresh; it must be safe for concurrent use.
func WithToken(source func(context.Context) (string, error)) ClientOption {
	return WithRequestEditorFn(func(ctx context.Context, request *http.Request) error {
		token, err := source(ctx)
		if err != nil {
			return fmt.Errorf("get an access token for %s %s: %w", request.Method, request.URL.Path, err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	})
}

// NewIdempotencyKey returns a key for an order or a payment. Keep it until the outcome is known: the same request with
// the same key is carried out once.
func NewIdempotencyKey() string { return uuid.NewString() }

// Error implements error.
func (p *Problem) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s", p.Status, p.Title)
	if p.Detail != nil {
		text.WriteString(": " + *p.Detail)
	}
	if p.Errors != nil {
		for _, wrong := range *p.Errors {
			if wrong.Location != nil && wrong.Message != nil {
				fmt.Fprintf(&text, "; %s: %s", *wrong.Location, *wrong.Message)
			}
		}
	}
	if p.TraceId != nil {
		text.WriteString(" (trace " + *p.TraceId + ")")
	}
	return text.String()
}

// Check returns nil for an answer of success and its *Problem for any other. It takes the HTTPResponse and the Body that
// every answer has; an answer that is no problem, from a proxy between, gets one of its status.
func Check(response *http.Response, body []byte) error {
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	problem := &Problem{}
	if err := json.Unmarshal(body, problem); err != nil || problem.Status == 0 {
		return &Problem{Status: int64(response.StatusCode), Title: http.StatusText(response.StatusCode)}
	}
	return problem
}
