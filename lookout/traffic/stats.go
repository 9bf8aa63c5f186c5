package traffic

import (
	"errors"
	"maps"
	"sync"
	"time"
)

// Stats counts what became of the requests. Its Observe method fits Config.Observe; the zero value is ready.
type Stats struct {
	mu     sync.Mutex
	counts Counts
}

// Counts is the state of Stats at one moment.
type Counts struct {
	Sent         uint64         `json:"sent"`          // requests that were sent and answered, or failed
	Skipped      uint64         `json:"skipped"`       // due but not sent: too many were in flight
	Unanswered   uint64         `json:"unanswered"`    // no answer: refused, timed out, broken off
	ByStatus     map[int]uint64 `json:"by_status"`     // answers by HTTP status
	Failed       uint64         `json:"failed"`        // unanswered, or a status of 500 and above
	FirstFailure time.Time      `json:"first_failure"` // zero while nothing has failed
	LastFailure  time.Time      `json:"last_failure"`  // zero while nothing has failed
	LastSuccess  time.Time      `json:"last_success"`  // zero while nothing has succeeded
}

// Observe adds one result.
func (s *Stats) Observe(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	if errors.Is(r.Err, ErrSkipped) {
		c.Skipped++
		return
	}
	c.Sent++
	if r.Status == 0 {
		c.Unanswered++
	} else {
		if c.ByStatus == nil {
			c.ByStatus = map[int]uint64{}
		}
		c.ByStatus[r.Status]++
	}
	if !r.Failed() {
		c.LastSuccess = r.At
		return
	}
	c.Failed++
	c.LastFailure = r.At
	if c.FirstFailure.IsZero() {
		c.FirstFailure = r.At
	}
}

// Counts returns a copy of the counts so far.
func (s *Stats) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	counts.ByStatus = maps.Clone(counts.ByStatus)
	return counts
}
