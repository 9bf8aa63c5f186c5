package drill

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// fault is the request for an injected fault, and the server's answer.
type fault struct {
	ID        string    `json:"id,omitempty"`
	Route     string    `json:"route"`
	ErrorRate float64   `json:"error_rate"`
	Status    int       `json:"status"`
	Duration  string    `json:"duration,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

const (
	// faultMargin is how much longer the fault lasts than the drill waits, should the drill be killed: then it ends by itself.
	faultMargin = 30 * time.Second
	// clearTimeout bounds the clearing of the fault, which goes on when the drill itself is interrupted.
	clearTimeout = 10 * time.Second
)

// inject fails every request to the API. The returned function ends that, also after ctx; it may be called twice.
func (s *stage) inject(ctx context.Context) (end func() error, err error) {
	request := fault{
		Route: "/api/v1/*", ErrorRate: 1, Status: http.StatusInternalServerError,
		Duration: (s.PageWithin + faultMargin).String(),
	}
	var injected fault
	asked := s.Now() // requests fail before the answer is here
	if err := s.call(ctx, http.MethodPost, s.AdminURL, "/admin/faults", request, &injected); err != nil {
		return nil, fmt.Errorf("inject the fault: %w", err)
	}
	s.event(Injected, asked, fmt.Sprintf("every request to %s fails, until %s at the latest",
		request.Route, injected.ExpiresAt.UTC().Format("15:04:05 UTC")))
	ended := false
	return func() error {
		if ended {
			return nil
		}
		clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
		defer cancel()
		err := s.call(clearing, http.MethodDelete, s.AdminURL, "/admin/faults/"+injected.ID, nil, nil)
		if err != nil && !hasStatus(err, http.StatusNotFound) { // 404: it has ended by itself
			return fmt.Errorf("the fault could not be cleared; it ends by itself at %s: %w",
				injected.ExpiresAt.UTC().Format(time.RFC3339), err)
		}
		ended = true
		s.event(Cleared, s.Now(), "")
		return nil
	}, nil
}
