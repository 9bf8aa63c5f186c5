package market

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// OutcomeRetention is how long at least the outcome of a request with an idempotency key is kept. A placed order and a
// payment keep their keys for good.
const OutcomeRetention = 24 * time.Hour

// Operations that take an idempotency key. Each has keys of its own.
const (
	placeOperation  = "place"
	payOperation    = "pay"
	refundOperation = "refund"
)

// RequestKey identifies a request: an account's own key for one operation, and what is asked for with it.
type RequestKey struct {
	AccountID string
	Operation string
	Key       string // 1 to 255 visible ASCII characters
	Hash      string // of what is asked for
}

// newRequestKey fails with ErrInvalid when the key could not be carried by a header.
func newRequestKey(actor Actor, operation, key string, request ...any) (RequestKey, error) {
	if err := validateKey(key); err != nil {
		return RequestKey{}, err
	}
	encoded, err := json.Marshal(append([]any{operation}, request...))
	if err != nil {
		return RequestKey{}, fmt.Errorf("hash the request: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return RequestKey{AccountID: actor.ID, Operation: operation, Key: key, Hash: hex.EncodeToString(sum[:])}, nil
}

// validateKey refuses keys that a header could not carry unchanged, and those that are steps in a path: standard clients
// take them before they ask, so that no order could be looked up by such a key.
func validateKey(key string) error {
	const longest = 255
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	if key == "" || len(key) > longest || strings.ContainsFunc(key, func(r rune) bool { return !visible(r) }) {
		return &InvalidError{Field: "Idempotency-Key", Rule: fmt.Sprintf("be 1 to %d visible ASCII characters", longest), Value: key}
	}
	if key == "." || key == ".." {
		return &InvalidError{Field: "Idempotency-Key", Rule: "be another than . and .., which a path cannot carry to look the order up", Value: key}
	}
	return nil
}

// mustMatch fails with ErrKeyReused when the key was used for something else.
func (k *RequestKey) mustMatch(usedFor string) error {
	if usedFor != k.Hash {
		return &KeyReusedError{Key: k.Key}
	}
	return nil
}

// KeptOutcome is an outcome as a store keeps it.
type KeptOutcome struct {
	RequestKey

	Document  []byte // JSON that only this package reads
	ExpiresAt time.Time
}

// outcome is what came of a request: an order as it was then, or a refusal. What fails for any other reason has no
// outcome yet: asked again, it may fare better.
type outcome struct {
	Order   *Order   `json:",omitempty"`
	Refusal *refusal `json:",omitempty"`

	replayed bool // it is that of an earlier request
}

// refusal is one of the errors by which the market refuses a request. It is data, so that a repeat is refused in the same
// words.
type refusal struct {
	NotFound  *NotFoundError  `json:",omitempty"`
	Invalid   *InvalidError   `json:",omitempty"`
	Conflict  *ConflictError  `json:",omitempty"`
	Window    *WindowError    `json:",omitempty"`
	Withdrawn *WithdrawnError `json:",omitempty"`
	SoldOut   *SoldOutError   `json:",omitempty"`
	Declined  *DeclinedError  `json:",omitempty"`
}

// refusalOf returns nil for an error that is not a refusal.
func refusalOf(err error) *refusal {
	var r refusal
	if errors.As(err, &r.NotFound) || errors.As(err, &r.Invalid) || errors.As(err, &r.Conflict) ||
		errors.As(err, &r.Window) || errors.As(err, &r.Withdrawn) || errors.As(err, &r.SoldOut) || errors.As(err, &r.Declined) {
		return &r
	}
	return nil
}

func (r *refusal) err() error {
	switch {
	case r.NotFound != nil:
		return r.NotFound
	case r.Invalid != nil:
		return r.Invalid
	case r.Conflict != nil:
		return r.Conflict
	case r.Window != nil:
		return r.Window
	case r.Withdrawn != nil:
		return r.Withdrawn
	case r.SoldOut != nil:
		return r.SoldOut
	case r.Declined != nil:
		return r.Declined
	}
	return errors.New("the outcome that was kept is not one that this version can read")
}

// result returns the order, or the refusal as the error it is.
func (o *outcome) result() (Order, error) {
	if o.Order != nil {
		return *o.Order, nil
	}
	if o.Refusal == nil {
		o.Refusal = &refusal{}
	}
	return Order{}, o.Refusal.err()
}

// earlier returns the outcome that is kept for the key. It fails with ErrNotFound and ErrKeyReused.
func earlier(ctx context.Context, tx CheckoutTx, key RequestKey) (outcome, error) {
	kept, err := tx.Outcome(ctx, key)
	if err != nil {
		return outcome{}, err
	}
	if err := key.mustMatch(kept.Hash); err != nil {
		return outcome{}, err
	}
	found := outcome{replayed: true}
	decoder := json.NewDecoder(bytes.NewReader(kept.Document))
	decoder.UseNumber() // a value that was refused is repeated digit by digit
	if err := decoder.Decode(&found); err != nil {
		return outcome{}, fmt.Errorf("read the outcome kept for the key %q: %w", key.Key, err)
	}
	return found, nil
}

// keep stores the outcome and returns it; where there is one already, it returns that.
func (c *Checkout) keep(ctx context.Context, tx CheckoutTx, key RequestKey, of outcome) (outcome, error) {
	before, err := earlier(ctx, tx, key)
	if !errors.Is(err, ErrNotFound) {
		return before, err
	}
	document, err := json.Marshal(of)
	if err != nil {
		return outcome{}, fmt.Errorf("keep the outcome for the key %q: %w", key.Key, err)
	}
	return of, tx.KeepOutcome(ctx, KeptOutcome{
		RequestKey: key, Document: document, ExpiresAt: c.clock.Now().Add(OutcomeRetention),
	})
}

// asPlaced is the order as it was when it was placed: nothing else of an order changes than what is reset here.
func (o *Order) asPlaced() *Order {
	placed := *o
	placed.State, placed.UpdatedAt, placed.Payments = OrderPendingPayment, o.PlacedAt, nil
	if !o.FirstHoldExpiresAt.IsZero() {
		placed.HoldExpiresAt, placed.FirstHoldExpiresAt = o.FirstHoldExpiresAt, time.Time{}
	}
	return &placed
}

// byKey returns the order's payment with the idempotency key, or nil.
func (o *Order) byKey(key string) *Payment {
	i := slices.IndexFunc(o.Payments, func(p Payment) bool { return p.IdempotencyKey == key })
	if i < 0 {
		return nil
	}
	return &o.Payments[i]
}
