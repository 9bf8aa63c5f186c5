package drill

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/farmersmarket/platform/lookout/traffic"
)

// The events of a timeline.
const (
	Injected   = "fault injected"
	FirstBad   = "first bad response"
	Firing     = "alert firing"
	Notified   = "notified"
	Cleared    = "fault cleared"
	Recovered  = "recovered"
	Inactive   = "alert inactive"
	ResolvedAt = "resolved"
)

// Event is one moment of a drill.
type Event struct {
	Name   string    `json:"event"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"`
}

// Report is what a drill found.
type Report struct {
	Drill    string         `json:"drill"`
	Passed   bool           `json:"passed"`
	Failures []string       `json:"failures"` // why it did not pass
	Started  time.Time      `json:"started"`
	Timeline []Event        `json:"timeline"`
	Expected Expectation    `json:"expected"`
	Requests traffic.Counts `json:"requests"`
}

// Expectation is when the page should come, computed before it does. All times are seconds.
type Expectation struct {
	Detection float64 `json:"detection_seconds"`  // from the first bad response until both windows burn
	Textbook  float64 `json:"textbook_seconds"`   // the same at constant traffic: (1 - SLO) / error ratio * long window * burn rate
	Scrape    float64 `json:"scrape_seconds"`     // at most
	Evaluate  float64 `json:"evaluation_seconds"` // at most
	GroupWait float64 `json:"group_wait_seconds"`
	Before    float64 `json:"requests_per_second_before"`
	During    float64 `json:"requests_per_second_during"`
	History   float64 `json:"history_seconds"` // of traffic before the outage, in the long window
	BadBefore float64 `json:"bad_before"`      // errors that the long window already held; they bring the page forward
}

// Latest is the latest that the page should come, in seconds after the first bad response.
func (e Expectation) Latest() float64 { return e.Detection + e.Scrape + e.Evaluate + e.GroupWait }

// Find returns the first event of a name.
func (r Report) Find(name string) (Event, bool) {
	for _, e := range r.Timeline {
		if e.Name == name {
			return e, true
		}
	}
	return Event{}, false
}

// After is the time between the first bad response and an event; false when either did not happen.
func (r Report) After(name string) (time.Duration, bool) {
	first, began := r.Find(FirstBad)
	event, happened := r.Find(name)
	return event.At.Sub(first.At), began && happened
}

// WriteSummary compares what was measured with what was expected and says whether the drill passed.
func (r Report) WriteSummary(w io.Writer) error {
	var text strings.Builder
	e := r.Expected
	if detected, ok := r.After(Firing); ok {
		fmt.Fprintf(&text, "Detected after %.1f s; computed %.1f s, and up to %.0f s more for scrape and evaluation.\n",
			detected.Seconds(), e.Detection, e.Scrape+e.Evaluate)
	}
	if notified, ok := r.After(Notified); ok {
		fmt.Fprintf(&text, "Paged after %.1f s; computed at most %.1f s with %.0f s of group wait.\n",
			notified.Seconds(), e.Latest(), e.GroupWait)
	}
	if e.BadBefore >= 1 {
		fmt.Fprintf(&text, "The long window already held %.0f errors from before, so the page came sooner than computed.\n", e.BadBefore)
	}
	if resolved, ok := r.Find(ResolvedAt); ok {
		if cleared, ok := r.Find(Cleared); ok {
			fmt.Fprintf(&text, "Resolved %.1f s after the fault was cleared.\n", resolved.At.Sub(cleared.At).Seconds())
		}
	}
	if r.Passed {
		text.WriteString("The drill passed.\n")
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(&text, "FAILED: %s\n", failure)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}
