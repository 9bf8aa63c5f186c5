package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Credentials are an account with what it logs in by.
type Credentials struct {
	Account      market.Account
	PasswordHash string // PHC string; empty when nobody can log in
	Version      int64  // access tokens of another version are void
}

// ErrSuperseded says that a refresh token is not the session's last one.
var ErrSuperseded = errors.New("the refresh token was used before")

// Store is what sessions need of a database. Its errors are of the kinds in package market.
type Store interface {
	AccountCreator
	AttemptStore

	// Credentials and CredentialsOf fail with market.ErrNotFound.
	Credentials(ctx context.Context, id string) (Credentials, error)
	CredentialsOf(ctx context.Context, email string) (Credentials, error)
	// ReplaceHash changes the hash of the same password.
	ReplaceHash(ctx context.Context, id, from, to string) error
	// ChangePassword ends all of the account's sessions, voids its access tokens, and returns its new version.
	ChangePassword(ctx context.Context, id, passwordHash string, now time.Time) (version int64, err error)
	// CreateSession also forgets sessions and attempts that have expired.
	CreateSession(ctx context.Context, session Session) error
	// RotateSession makes the token with hash to the session's good one in place of that with hash from. It ends the
	// session and fails with ErrSuperseded when that was not the good one, and fails with market.ErrNotFound when there
	// is no such session or it has expired.
	RotateSession(ctx context.Context, id, from, to string, now time.Time) (Session, error)
	// EndSession does nothing when there is no such session.
	EndSession(ctx context.Context, id, tokenHash string) error
}

// Options set up Sessions.
type Options struct {
	Store   Store
	Tokens  *Tokens
	Hasher  *Hasher
	Limits  Limits
	TTL     time.Duration // of a session, from the login to its end
	Clock   market.Clock
	Metrics *telemetry.Metrics
}

// Sessions registers accounts, and opens, renews and ends their sessions.
type Sessions struct {
	o        Options
	throttle *throttle
	logins   *prometheus.CounterVec
	renewals *prometheus.CounterVec
	current  *otter.Cache[string, Credentials]
}

// How long another process's change of a role or password can take to be noticed, and for how many accounts at once
// this is kept.
const (
	confirmTTL  = 5 * time.Second
	confirmSize = 10_000
)

// NewSessions returns the sessions kept in the store.
func NewSessions(o Options) *Sessions {
	s := &Sessions{
		o: o, throttle: &throttle{store: o.Store, limits: o.Limits, clock: o.Clock},
		logins:   o.Metrics.Counter(catalogue.Logins),
		renewals: o.Metrics.Counter(catalogue.SessionRenewals),
		current: otter.Must(&otter.Options[string, Credentials]{
			MaximumSize: confirmSize, ExpiryCalculator: otter.ExpiryWriting[string, Credentials](confirmTTL),
		}),
	}
	for _, outcome := range catalogue.LoginOutcome.Values {
		s.logins.WithLabelValues(outcome)
	}
	for _, outcome := range catalogue.RenewalOutcome.Values {
		s.renewals.WithLabelValues(outcome)
	}
	return s
}

// Registration is what a person says to get an account.
type Registration struct {
	Email    string
	Name     string
	Password string
	Role     market.Role // customer or farm_owner
	Client   string      // address of the client
}

// Register makes an account. It ends the same way when the e-mail address has one already, which stays as it is: nobody
// learns who has an account. It fails with market.ErrInvalid, or a *ThrottledError.
func (s *Sessions) Register(ctx context.Context, r Registration) error {
	if r.Role != market.Customer && r.Role != market.FarmOwner {
		return &market.InvalidError{Field: "role", Rule: "be customer or farm_owner", Value: r.Role}
	}
	if err := s.throttle.admitClient(ctx, r.Client); err != nil {
		return err
	}
	_, _, err := create(ctx, s.o.Store, s.o.Hasher, s.o.Clock, r)
	return err
}

// AccountCreator is what a new account needs of a database.
type AccountCreator interface {
	// CreateAccount keeps a new account; created is false, and nothing changes, when its e-mail address has one. Both
	// take the same time.
	CreateAccount(ctx context.Context, account market.Account, passwordHash string) (created bool, err error)
}

// Create makes an account of any role, as operators do. It fails with market.ErrInvalid or market.ErrConflict.
func Create(
	ctx context.Context, store AccountCreator, hasher *Hasher, clock market.Clock, r Registration,
) (market.Account, error) {
	account, created, err := create(ctx, store, hasher, clock, r)
	if err == nil && !created {
		err = &market.ConflictError{Kind: "account", ID: account.Email, Reason: "exists already"}
	}
	return account, err
}

func create(
	ctx context.Context, store AccountCreator, hasher *Hasher, clock market.Clock, r Registration,
) (account market.Account, created bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return account, false, fmt.Errorf("make an account id: %w", err)
	}
	account, err = market.NewAccount(id.String(), r.Email, r.Name, r.Role, clock.Now())
	if err != nil {
		return account, false, err
	}
	if err := CheckPassword(r.Password, account.Email); err != nil {
		return account, false, err
	}
	hash, err := hasher.Hash(ctx, r.Password)
	if err != nil {
		return account, false, err
	}
	created, err = store.CreateAccount(ctx, account, hash)
	return account, created, err
}

// Grant is what a client gets to act for an account.
type Grant struct {
	Account        market.Account
	AccessToken    string
	AccessLifetime time.Duration
	RefreshToken   string
	RefreshExpires time.Time
}

// Login opens a session for the account with the e-mail address and the password. It fails with
// market.ErrUnauthenticated, in the same words and after the same work whether there is such an account or not, or with
// a *ThrottledError.
func (s *Sessions) Login(ctx context.Context, email, password, client string) (Grant, error) {
	grant, err := s.login(ctx, email, password, client)
	var throttled *ThrottledError
	switch {
	case err == nil:
		s.logins.WithLabelValues(catalogue.Granted).Inc()
	case errors.As(err, &throttled):
		s.logins.WithLabelValues(catalogue.Throttled).Inc()
	case errors.Is(err, market.ErrUnauthenticated):
		s.logins.WithLabelValues(catalogue.Refused).Inc()
	}
	return grant, err
}

func (s *Sessions) login(ctx context.Context, email, password, client string) (Grant, error) {
	normalized, noAddress := market.NormalizeEmail(email)
	if noAddress != nil { // it has no account; the attempt counts like any other
		normalized = strings.ToLower(email)
	}
	attempt, err := s.throttle.admit(ctx, normalized, client)
	if err != nil {
		return Grant{}, err
	}
	var credentials Credentials // while there are none, no password is the right one
	if noAddress == nil {       // a database need not take any text, like one with a NUL
		credentials, err = s.o.Store.CredentialsOf(ctx, normalized)
	}
	if err != nil && !errors.Is(err, market.ErrNotFound) {
		return Grant{}, err
	}
	if err := s.verify(ctx, credentials, password); err != nil {
		return Grant{}, err
	}
	if err := s.throttle.succeeded(ctx, attempt); err != nil {
		return Grant{}, err
	}
	return s.open(ctx, credentials)
}

// verify checks the password, and hashes it anew where the parameters have changed since.
func (s *Sessions) verify(ctx context.Context, c Credentials, password string) error {
	const most = 4 * MaxPassword // bytes; what is longer cannot be right
	if len(password) > most {
		password, c.PasswordHash = "", ""
	}
	matches, outdated, err := s.o.Hasher.Verify(ctx, password, c.PasswordHash)
	if err != nil {
		return err
	}
	if !matches {
		return &market.UnauthenticatedError{Reason: "the e-mail address or the password is wrong"}
	}
	if !outdated {
		return nil
	}
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.o.Store.ReplaceHash(ctx, c.Account.ID, c.PasswordHash, hash)
}

func (s *Sessions) open(ctx context.Context, c Credentials) (Grant, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return Grant{}, fmt.Errorf("make a session id: %w", err)
	}
	token, now := newRefreshToken(id.String()), s.o.Clock.Now()
	session := Session{
		ID: token.session, AccountID: c.Account.ID, TokenHash: token.hash(), CreatedAt: now, ExpiresAt: now.Add(s.o.TTL),
	}
	if err := s.o.Store.CreateSession(ctx, session); err != nil {
		return Grant{}, err
	}
	return s.grant(c, session, token)
}

func (s *Sessions) grant(c Credentials, session Session, token refreshToken) (Grant, error) {
	access, err := s.o.Tokens.issue(c.Account.ID, c.Version)
	return Grant{
		Account: c.Account, AccessToken: access, AccessLifetime: s.o.Tokens.ttl,
		RefreshToken: token.text(), RefreshExpires: session.ExpiresAt,
	}, err
}

// Refresh renews a session: the refresh token is used up and replaced. One that was used up before has been stolen, or
// its successor has: the session ends, and both must log in again. It fails with market.ErrUnauthenticated.
func (s *Sessions) Refresh(ctx context.Context, text string) (Grant, error) {
	grant, err := s.refresh(ctx, text)
	switch {
	case err == nil:
		s.renewals.WithLabelValues(catalogue.Granted).Inc()
	case errors.Is(err, ErrSuperseded):
		s.renewals.WithLabelValues(catalogue.Reused).Inc()
		return Grant{}, &market.UnauthenticatedError{Reason: "the refresh token was used before, so the session has been ended: log in again"}
	case errors.Is(err, market.ErrNotFound):
		s.renewals.WithLabelValues(catalogue.Refused).Inc()
		return Grant{}, &market.UnauthenticatedError{Reason: "the session has ended: log in again"}
	}
	return grant, err
}

func (s *Sessions) refresh(ctx context.Context, text string) (Grant, error) {
	old, ok := parseRefreshToken(text)
	if !ok {
		return Grant{}, &market.NotFoundError{Kind: "session"}
	}
	token := newRefreshToken(old.session)
	session, err := s.o.Store.RotateSession(ctx, old.session, old.hash(), token.hash(), s.o.Clock.Now())
	if err != nil {
		return Grant{}, err
	}
	credentials, err := s.o.Store.Credentials(ctx, session.AccountID)
	if err != nil {
		return Grant{}, err
	}
	return s.grant(credentials, session, token)
}

// Logout ends the session of the refresh token. A token of no session is no error: there is nothing left to end. Access
// tokens stay good until they expire.
func (s *Sessions) Logout(ctx context.Context, text string) error {
	token, ok := parseRefreshToken(text)
	if !ok {
		return nil
	}
	return s.o.Store.EndSession(ctx, token.session, token.hash())
}

// ChangePassword replaces the password of the account that knows it, ends all of its sessions, voids its access tokens
// and opens a new session. It fails with market.ErrUnauthenticated, market.ErrInvalid or a *ThrottledError.
func (s *Sessions) ChangePassword(ctx context.Context, p Principal, current, next, client string) (Grant, error) {
	credentials, err := s.o.Store.Credentials(ctx, p.AccountID)
	if err != nil {
		return Grant{}, err
	}
	if err := CheckPassword(next, credentials.Account.Email); err != nil {
		return Grant{}, err
	}
	attempt, err := s.throttle.admit(ctx, credentials.Account.Email, client)
	if err != nil {
		return Grant{}, err
	}
	if err := s.verify(ctx, credentials, current); err != nil {
		return Grant{}, err
	}
	if err := s.throttle.succeeded(ctx, attempt); err != nil {
		return Grant{}, err
	}
	hash, err := s.o.Hasher.Hash(ctx, next)
	if err != nil {
		return Grant{}, err
	}
	credentials.Version, err = s.o.Store.ChangePassword(ctx, p.AccountID, hash, s.o.Clock.Now())
	if err != nil {
		return Grant{}, err
	}
	s.Forget(p.AccountID)
	return s.open(ctx, credentials)
}

// Authenticate returns whom the access token is for, by the token alone. It fails with market.ErrUnauthenticated.
func (s *Sessions) Authenticate(token string) (Principal, error) { return s.o.Tokens.Verify(token) }

// Confirm completes the principal with its role now. It fails with market.ErrUnauthenticated when the account is gone,
// or its password has changed since the token was issued. What another process changes it notices within 5 seconds.
func (s *Sessions) Confirm(ctx context.Context, p Principal) (Principal, error) {
	credentials, known := s.current.GetIfPresent(p.AccountID)
	if !known || credentials.Version != p.version { // what is known may be older than the token
		var err error
		if credentials, err = s.lookUp(ctx, p.AccountID); err != nil {
			return Principal{}, err
		}
	}
	if credentials.Version != p.version {
		return Principal{}, &market.UnauthenticatedError{Reason: "the password has changed since this access token was issued: log in again"}
	}
	p.Role = credentials.Account.Role
	return p, nil
}

func (s *Sessions) lookUp(ctx context.Context, accountID string) (Credentials, error) {
	credentials, err := s.o.Store.Credentials(ctx, accountID)
	if errors.Is(err, market.ErrNotFound) {
		return Credentials{}, &market.UnauthenticatedError{Reason: "the account of this access token is gone"}
	}
	if err != nil {
		return Credentials{}, err
	}
	credentials.PasswordHash = "" // not to be kept
	s.current.Set(accountID, credentials)
	return credentials, nil
}

// Forget makes the next Confirm ask the store about the account.
func (s *Sessions) Forget(accountID string) { s.current.Invalidate(accountID) }
