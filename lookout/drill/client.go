package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	callTimeout    = 5 * time.Second
	maxAnswerBytes = 16 << 20
)

// statusError is an answer with an unexpected status.
type statusError struct {
	call   string
	status int
	body   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s: %s", e.call, e.status, http.StatusText(e.status), e.body)
}

// hasStatus says whether err is an answer of that status.
func hasStatus(err error, status int) bool {
	var answer *statusError
	return errors.As(err, &answer) && answer.status == status
}

// call makes one HTTP request with an optional JSON body and decodes a JSON answer into an optional value.
func (s *stage) call(ctx context.Context, method, base, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
	}
	target := strings.TrimRight(base, "/") + path
	request, err := http.NewRequestWithContext(ctx, method, target, &payload)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, target, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err // names method and URL itself
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, target, err)
	}
	if response.StatusCode/100 != 2 {
		excerpt := strings.TrimSpace(string(answer[:min(len(answer), 300)]))
		return &statusError{call: method + " " + target, status: response.StatusCode, body: excerpt}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the answer of %s %s is not what was expected: %w", method, target, err)
	}
	return nil
}
