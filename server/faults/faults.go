// Package faults fails or delays requests on purpose, for drills: on chosen routes, for a bounded time, and marked in
// the request's span, log line and metrics, so that nobody takes them for real.
package faults

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// MaxDuration bounds a fault, so that one which is forgotten ends by itself.
const MaxDuration = time.Hour

// maxLatency bounds the delay of one request.
const maxLatency = 30 * time.Second

// Fault is one deliberate disturbance.
type Fault struct {
	ID        string    `json:"id"`
	Route     string    `json:"route"`             // glob over route templates; * matches any run of characters
	ErrorRate float64   `json:"error_rate"`        // share of requests that fail, 0 to 1
	Status    int       `json:"status"`            // what a failed request is answered with, 500 to 599
	Panic     bool      `json:"panic,omitempty"`   // a failed request panics in its handler, and is answered with 500
	Latency   *Latency  `json:"latency,omitempty"` // delay of every request, failed or not
	ExpiresAt time.Time `json:"expires_at"`
}

// Latency is a distribution of delays. None is below zero or above 30 s.
type Latency struct {
	Distribution string        // fixed, uniform (mean ± spread), normal (spread is the standard deviation), exponential
	Mean         time.Duration // of the distribution
	Spread       time.Duration
}

// The latency distributions.
const (
	Fixed       = "fixed"
	Uniform     = "uniform"
	Normal      = "normal"
	Exponential = "exponential"
)

// Distributions lists the latency distributions by name.
func Distributions() []string { return []string{Fixed, Uniform, Normal, Exponential} }

// Injector holds the faults in force. The zero value holds none.
type Injector struct {
	mu     sync.RWMutex
	faults []Fault
}

// Add puts a fault in force for a while and returns it with its id and the time of its end.
func (i *Injector) Add(f Fault, duration time.Duration) (Fault, error) {
	if err := f.check(duration); err != nil {
		return Fault{}, err
	}
	f.ID = uuid.NewString()
	f.ExpiresAt = time.Now().Add(duration).UTC()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = append(i.faults, f)
	return f, nil
}

func (f *Fault) check(duration time.Duration) error {
	if f.Status == 0 {
		f.Status = fiber.StatusInternalServerError
	}
	if _, err := path.Match(pattern(f.Route), ""); err != nil {
		return fmt.Errorf("route %q is not a pattern: %w", f.Route, err)
	}
	switch {
	case f.Route == "":
		return errors.New("route is empty: name a pattern such as /api/v1/*")
	case f.ErrorRate == 0 && f.Latency == nil:
		return errors.New("the fault does nothing: give an error_rate or a latency")
	case duration <= 0 || duration > MaxDuration:
		return fmt.Errorf("duration is %s: it must be above 0 and at most %s", duration, MaxDuration)
	}
	return errors.Join(f.checkFailure(), f.Latency.check())
}

func (f *Fault) checkFailure() error {
	switch {
	case f.ErrorRate < 0 || f.ErrorRate > 1 || math.IsNaN(f.ErrorRate):
		return fmt.Errorf("error_rate is %v: it must be from 0 to 1", f.ErrorRate)
	case f.Panic && (f.ErrorRate == 0 || f.Status != fiber.StatusInternalServerError):
		return errors.New("a panic needs an error_rate, and is answered with 500: leave out the status")
	case f.Status < 500 || f.Status > 599:
		return fmt.Errorf("status is %d: it must be from 500 to 599", f.Status)
	}
	return nil
}

func (l *Latency) check() error {
	switch {
	case l == nil:
		return nil
	case !slices.Contains(Distributions(), l.Distribution):
		return fmt.Errorf("latency distribution %q is none of %s", l.Distribution, strings.Join(Distributions(), ", "))
	case l.Mean <= 0, l.Mean > maxLatency, l.Spread < 0, l.Spread > maxLatency:
		return fmt.Errorf("latency mean %s, spread %s: the mean must be above 0, and neither above %s", l.Mean, l.Spread, maxLatency)
	}
	return nil
}

// List returns the faults in force.
func (i *Injector) List() []Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expire(time.Now())
	return slices.Clone(i.faults)
}

// Remove ends a fault. It reports whether there was one of that id.
func (i *Injector) Remove(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := len(i.faults)
	i.faults = slices.DeleteFunc(i.faults, func(f Fault) bool { return f.ID == id })
	return len(i.faults) < before
}

// Clear ends all faults.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = nil
}

func (i *Injector) expire(now time.Time) {
	i.faults = slices.DeleteFunc(i.faults, func(f Fault) bool { return !now.Before(f.ExpiresAt) })
}

// find returns the newest fault in force on a route.
func (i *Injector) find(route string) (Fault, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	now := time.Now()
	for _, f := range slices.Backward(i.faults) {
		if now.Before(f.ExpiresAt) && f.matches(route) {
			return f, true
		}
	}
	return Fault{}, false
}

func (f *Fault) matches(route string) bool {
	ok, err := path.Match(pattern(f.Route), flat(route))
	return ok && err == nil
}

// path.Match keeps * within one segment; ours crosses them, so slashes are made ordinary characters. Braces are, too.
func pattern(route string) string { return flat(route) }

func flat(route string) string { return strings.ReplaceAll(route, "/", "\x00") }

// draw takes one delay from the distribution.
func (l *Latency) draw() time.Duration {
	mean, spread := float64(l.Mean), float64(l.Spread)
	var d float64
	switch l.Distribution {
	case Uniform:
		d = mean - spread + 2*spread*rand.Float64() //nolint:gosec // a delay needs no secure randomness
	case Normal:
		d = mean + spread*rand.NormFloat64() //nolint:gosec // a delay needs no secure randomness
	case Exponential:
		d = mean * rand.ExpFloat64() //nolint:gosec // a delay needs no secure randomness
	default:
		d = mean
	}
	return time.Duration(min(max(d, 0), float64(maxLatency)))
}
