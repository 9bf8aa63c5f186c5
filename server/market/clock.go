package market

import "time"

// Clock tells the time. Use cases ask it inside of their transaction, once they hold the locks, so that what they decide
// by it cannot be overtaken.
type Clock interface {
	Now() time.Time
}

// SystemClock is the computer's clock.
type SystemClock struct{}

// Now implements Clock, in UTC and in microseconds, which is what PostgreSQL keeps.
func (SystemClock) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
