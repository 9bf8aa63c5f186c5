package market

import (
	"strings"
	"time"
)

// Account is someone who can log in.
type Account struct {
	ID        string // UUID
	Email     string // as NormalizeEmail has it
	Name      string // what we call the person
	Role      Role
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NewAccount makes an account of what a person says; the id is the caller's to choose. It fails with ErrInvalid.
func NewAccount(id, email, name string, role Role, now time.Time) (Account, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return Account{}, err
	}
	name, err = normalizeText("name", name, 1, maxName)
	if err != nil {
		return Account{}, err
	}
	if !role.Valid() {
		return Account{}, &InvalidError{Field: "role", Rule: "be one of " + list(Roles()), Value: role}
	}
	return Account{ID: strings.ToLower(id), Email: email, Name: name, Role: role, CreatedAt: now, UpdatedAt: now}, nil
}

// AccountQuery picks accounts, the newest first. Empty fields do not narrow the choice.
type AccountQuery struct {
	Paging
	Role Role
}

// normalize fails with ErrInvalid.
func (q AccountQuery) normalize() (AccountQuery, error) {
	if q.Role != "" && !q.Role.Valid() {
		return q, &InvalidError{Field: "role", Rule: "be one of " + list(Roles()), Value: q.Role}
	}
	var err error
	q.Paging, err = q.Paging.normalize(q.picks())
	return q, err
}

// picks is what decides which accounts are in the list.
func (q AccountQuery) picks() []string { return []string{"accounts", string(q.Role)} }
