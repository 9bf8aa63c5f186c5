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
	Value any
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s must %s, got %q", e.Field, e.Rule, fmt.Sprint(e.Value))
}

// Is makes every InvalidError an ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }
