package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/farmersmarket/platform/server/market"
)

// Limits bound the attempts to log in within a window of time that starts with the first. OWASP's Authentication Cheat
// Sheet asks for a threshold per account; the one per client address stops a password from being tried on many.
type Limits struct {
	PerAccount int
	PerClient  int // a market hall's visitors can share one address
	Window     time.Duration
}

// DefaultLimits returns 10 attempts per account and 100 per client address in 15 minutes.
func DefaultLimits() Limits {
	return Limits{PerAccount: 10, PerClient: 100, Window: 15 * time.Minute}
}

// ThrottledError says that there were too many attempts.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %s", e.RetryAfter.Round(time.Second))
}

// AttemptStore counts attempts for all processes of the service together.
type AttemptStore interface {
	// CountAttempt adds one to the key's attempts, and returns how many there are in the window and when it ends. The
	// window starts now when there is none or the last has ended.
	CountAttempt(ctx context.Context, key string, now time.Time, window time.Duration) (attempts int, ends time.Time, err error)
	// ForgetAttempts takes so many attempts back.
	ForgetAttempts(ctx context.Context, key string, attempts int) error
}

// throttle counts an attempt before the password is looked at, so that many at once are no way around it.
type throttle struct {
	store  AttemptStore
	limits Limits
	clock  market.Clock
}

// attempt is one that was let through.
type attempt struct{ account, client string }

// admit counts an attempt on the account with the e-mail address, which need not exist, from the client's address. It
// fails with a *ThrottledError.
func (t *throttle) admit(ctx context.Context, email, client string) (attempt, error) {
	a := attempt{account: attemptKey("account", email), client: attemptKey("client", client)}
	if err := t.count(ctx, a.client, t.limits.PerClient); err != nil {
		return a, err
	}
	return a, t.count(ctx, a.account, t.limits.PerAccount)
}

// admitClient counts an attempt from the client's address alone.
func (t *throttle) admitClient(ctx context.Context, client string) error {
	return t.count(ctx, attemptKey("client", client), t.limits.PerClient)
}

func (t *throttle) count(ctx context.Context, key string, limit int) error {
	now := t.clock.Now()
	attempts, ends, err := t.store.CountAttempt(ctx, key, now, t.limits.Window)
	if err != nil {
		return err
	}
	if attempts > limit {
		return &ThrottledError{RetryAfter: max(ends.Sub(now), time.Second)}
	}
	return nil
}

// succeeded takes back what a successful attempt counted, and all of the account's before it. Those of the client stay:
// an attacker with one account of his own could otherwise clear them between guesses at others.
func (t *throttle) succeeded(ctx context.Context, a attempt) error {
	if err := t.store.ForgetAttempts(ctx, a.account, t.limits.PerAccount); err != nil {
		return err
	}
	return t.store.ForgetAttempts(ctx, a.client, 1)
}

func attemptKey(kind, value string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + value))
	return hex.EncodeToString(sum[:])
}
