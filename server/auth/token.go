package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
)

// What is the same in every access token.
const (
	issuer    = "farmers-market"
	audience  = "farmers-market-api"
	tokenType = "at+jwt" // RFC 9068, 2.1: no other kind of JWT passes for an access token
	maxToken  = 2048     // bytes; ours have about 350
)

// Tokens issues and verifies access tokens: JSON Web Tokens signed with HMAC-SHA-256 under a key that the kid names.
type Tokens struct {
	keys   Keys
	ttl    time.Duration
	clock  market.Clock
	parser *jwt.Parser
}

// NewTokens returns an issuer of tokens that are good for the time. There must be a key.
func NewTokens(keys Keys, ttl time.Duration, clock market.Clock) (*Tokens, error) {
	if keys.Empty() {
		return nil, errors.New("there is no key to sign access tokens with: set AUTH_KEYS")
	}
	return &Tokens{keys: keys, ttl: ttl, clock: clock, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), // so that a token cannot choose none
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(clock.Now),
		jwt.WithStrictDecoding(),
	)}, nil
}

// claims are what a token says. The role is not among them: it is read when it matters, so that a change of it does not
// wait for a token to expire.
type claims struct {
	jwt.RegisteredClaims

	Version int64 `json:"ver"` // of the account's credentials
}

// issue returns a token for the account.
func (t *Tokens) issue(accountID string, version int64) (string, error) {
	now := t.clock.Now()
	key := t.keys.signing()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Version: version,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: accountID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.ttl)),
		},
	})
	unsigned.Header["kid"], unsigned.Header["typ"] = key.id, tokenType
	token, err := unsigned.SignedString(key.secret)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

// notOurs is said of what only looks like one of our tokens, or not even that.
const notOurs = "this is no access token of ours: send the one that a login or a refresh answered with"

// Verify returns whom the token is for. The role is not known before Sessions.Confirm. It fails with
// market.ErrUnauthenticated, in words that say what to do, and never repeats the token.
func (t *Tokens) Verify(token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, &market.UnauthenticatedError{Reason: notOurs}
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.keyOf); err != nil {
		return Principal{}, &market.UnauthenticatedError{Reason: reasonOf(err)}
	}
	if uuid.Validate(c.Subject) != nil || c.Version < 1 {
		return Principal{}, &market.UnauthenticatedError{Reason: notOurs}
	}
	return Principal{AccountID: c.Subject, version: c.Version}, nil
}

// reasonOf says what is wrong with a token. What it says of claims, the sender may know: the signature, which is checked
// before them, was right.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return notOurs
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return "the access token names a signing key that is not in use: log in again"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "the access token's signature is wrong: send it as a login or a refresh answered it"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "the access token has expired: get a new one with the refresh token, or log in again"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "the access token is from the future: the clock of who issued it is ahead of this server's"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return "the access token is from another issuer: log in here"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "the access token is for another service: log in here"
	}
	return notOurs
}

func (t *Tokens) keyOf(token *jwt.Token) (any, error) {
	if token.Header["typ"] != tokenType {
		return nil, jwt.ErrTokenMalformed
	}
	id, _ := token.Header["kid"].(string)
	key, known := t.keys.find(id)
	if !known {
		return nil, jwt.ErrTokenUnverifiable
	}
	return key.secret, nil
}
