package market

import (
	"errors"
	"fmt"
)

// The kinds of failure a use case can end with; tell them apart with errors.Is. An error that is none of them, and not
// the end of the caller's context, is a fault of ours.
var (
	// ErrNotFound says that the thing asked for does not exist. The error in the chain is a *NotFoundError.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says that the input breaks a rule. The error in the chain is an *InvalidError.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable says that the store cannot do this now: it is away, full, read-only or damaged. Trying again later
	// may help.
	ErrUnavailable = errors.New("store unavailable")
	// ErrTimeout says that the store did not answer within its bound.
	ErrTimeout = errors.New("store timed out")
	// ErrUnauthenticated says that the caller has not shown who it is. The error in the chain is an
	// *UnauthenticatedError.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden says that the caller is known and may not do this. The error in the chain is a *ForbiddenError.
	ErrForbidden = errors.New("forbidden")
	// ErrConflict says that the state of things does not allow this. The error in the chain is a *ConflictError.
	ErrConflict = errors.New("conflict")
	// ErrPreconditionFailed says that the thing to be changed is no longer as the caller saw it. The error in the chain
	// is a *PreconditionError.
	ErrPreconditionFailed = errors.New("precondition failed")
	// ErrKeyReused says that an idempotency key was used before, for something else. The error in the chain is a
	// *KeyReusedError.
	ErrKeyReused = errors.New("idempotency key reused")
	// ErrInProgress says that the first request with the idempotency key has not ended yet. The error in the chain is an
	// *InProgressError.
	ErrInProgress = errors.New("in progress")
	// ErrEventSeen says that an event of a payment provider was taken in before.
	ErrEventSeen = errors.New("payment event taken in before")
	// ErrProviderUnavailable says that the payment provider cannot be reached, or did not answer in time. Nothing is
	// charged twice by trying again with the same idempotency key.
	ErrProviderUnavailable = errors.New("payment provider unavailable")
	// ErrNotAsked says of an ErrProviderUnavailable that nothing was sent to the provider.
	ErrNotAsked = errors.New("it was not asked")
	// ErrPaymentDeclined says that the provider refused the payment. The error in the chain is a *DeclinedError.
	ErrPaymentDeclined = errors.New("payment declined")
)

// NotFoundError names what was looked for.
type NotFoundError struct {
	Kind string // farm, product
	ID   string
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %s not found", e.Kind, e.ID) }

// Is makes every NotFoundError an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// InvalidError names the field that breaks a rule, the rule, and the value.
type InvalidError struct {
	Field string
	Rule  string // completes the sentence "<field> must ..."
	Value any    // nil when it must not be repeated, as with a password
}

func (e *InvalidError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%s must %s", e.Field, e.Rule)
	}
	return fmt.Sprintf("%s must %s, got %q", e.Field, e.Rule, fmt.Sprint(e.Value))
}

// Is makes every InvalidError an ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// UnauthenticatedError says, in words for the caller, what is missing.
type UnauthenticatedError struct{ Reason string }

func (e *UnauthenticatedError) Error() string { return e.Reason }

// Is makes every UnauthenticatedError an ErrUnauthenticated.
func (e *UnauthenticatedError) Is(target error) bool { return target == ErrUnauthenticated }

// ForbiddenError says, in words for the caller, why it may not do this.
type ForbiddenError struct{ Reason string }

func (e *ForbiddenError) Error() string { return e.Reason }

// Is makes every ForbiddenError an ErrForbidden.
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }

// ConflictError names the thing whose state is in the way, and says why.
type ConflictError struct {
	Kind   string // farm, product, order
	ID     string
	Reason string // completes the sentence "<kind> <id> ..."
}

func (e *ConflictError) Error() string { return fmt.Sprintf("%s %s %s", e.Kind, e.ID, e.Reason) }

// Is makes every ConflictError an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// PreconditionError names the thing that has changed since the caller read it.
type PreconditionError struct {
	Kind string // farm, product
	ID   string
}

func (e *PreconditionError) Error() string {
	return fmt.Sprintf("%s %s has changed since you read it: read it again and repeat the change", e.Kind, e.ID)
}

// Is makes every PreconditionError an ErrPreconditionFailed.
func (e *PreconditionError) Is(target error) bool { return target == ErrPreconditionFailed }

// KeyReusedError names the key.
type KeyReusedError struct{ Key string }

func (e *KeyReusedError) Error() string {
	return fmt.Sprintf("idempotency key %q was used before with another request: use a new key for a new request", e.Key)
}

// Is makes every KeyReusedError an ErrKeyReused.
func (e *KeyReusedError) Is(target error) bool { return target == ErrKeyReused }

// InProgressError names the key.
type InProgressError struct{ Key string }

func (e *InProgressError) Error() string {
	return fmt.Sprintf("the first request with the idempotency key %q is still being carried out: ask again, with the same key, in a moment", e.Key)
}

// Is makes every InProgressError an ErrInProgress.
func (e *InProgressError) Is(target error) bool { return target == ErrInProgress }

// DeclinedError says why the provider refused, in words for the customer.
type DeclinedError struct{ Reason string }

func (e *DeclinedError) Error() string { return "the payment was declined: " + e.Reason }

// Is makes every DeclinedError an ErrPaymentDeclined.
func (e *DeclinedError) Is(target error) bool { return target == ErrPaymentDeclined }
