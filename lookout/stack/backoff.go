package stack

import "time"

const (
	firstDelay = 500 * time.Millisecond
	longDelay  = 30 * time.Second
	// steadyRun is how long a program must have run for its next crash to count as the first.
	steadyRun = time.Minute
)

// backoff is how long to wait before a crashed program is started again: half a second, doubled with every crash up to
// half a minute, and anew after a steady run.
type backoff struct{ next time.Duration }

func (b *backoff) after(run time.Duration) time.Duration {
	if b.next == 0 || run >= steadyRun {
		b.next = firstDelay
	}
	delay := b.next
	b.next = min(2*b.next, longDelay)
	return delay
}
