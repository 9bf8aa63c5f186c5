package errortracking

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An outage fails every request. One event of a kind tells as much as a thousand.
const (
	every     = 10 * time.Second // between two events of a kind
	perSecond = 1                // of all kinds, in the long run
	burst     = 20               // of all kinds, at once
	mostKinds = 1000             // that are told apart; there are routes × categories
)

// limits bounds how many events are sent.
type limits struct {
	mu    sync.Mutex
	all   *rate.Limiter
	kinds map[[2]string]*kindLimit
}

type kindLimit struct {
	limiter    *rate.Limiter
	suppressed int
}

func newLimits() *limits {
	return &limits{all: rate.NewLimiter(perSecond, burst), kinds: map[[2]string]*kindLimit{}}
}

// allow reports whether an event of the kind is to be sent, and then how many were not since the last that was.
func (l *limits) allow(kind [2]string, now time.Time) (allowed bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[kind]
	if k == nil {
		if len(l.kinds) >= mostKinds {
			kind = [2]string{} // all others are one
			k = l.kinds[kind]
		}
		if k == nil {
			k = &kindLimit{limiter: rate.NewLimiter(rate.Every(every), 1)}
			l.kinds[kind] = k
		}
	}
	// The kind's own limit is asked first: one kind must not use up what there is for all.
	if k.limiter.TokensAt(now) < 1 || !l.all.AllowN(now, 1) {
		k.suppressed++
		return false, 0
	}
	k.limiter.AllowN(now, 1)
	suppressed, k.suppressed = k.suppressed, 0
	return true, suppressed
}
