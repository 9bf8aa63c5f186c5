package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/farmersmarket/platform/server/market"
)

// Bounds of a password, in characters. NIST SP 800-63B-4 asks for at least 64 to be allowed; the upper bound keeps the
// work for one request small. There are no rules on which characters it must have: such rules make passwords worse.
const (
	MinPassword = 12
	MaxPassword = 128
)

// leastVariety is how many different characters a password must have: "aaaaaaaaaaaa" is long and the first to be tried.
const leastVariety = 5

// CheckPassword fails with market.ErrInvalid when the password is too easy to guess for the account with the e-mail
// address.
func CheckPassword(password, email string) error {
	wrong := func(rule string) error { return &market.InvalidError{Field: "password", Rule: rule} }
	length := utf8.RuneCountInString(password)
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	variety := map[rune]bool{}
	for _, r := range password {
		variety[r] = true
	}
	switch {
	case !utf8.ValidString(password):
		return wrong("be UTF-8 text")
	case length < MinPassword || length > MaxPassword:
		return wrong(fmt.Sprintf("have %d to %d characters", MinPassword, MaxPassword))
	case len(variety) < leastVariety:
		return wrong(fmt.Sprintf("have at least %d different characters", leastVariety))
	case local != "" && strings.HasPrefix(strings.ToLower(password), local) && length < MinPassword+utf8.RuneCountInString(local):
		return wrong("be more than your e-mail address and a few characters")
	case isCommon(password):
		return wrong("not be one of the common passwords, nor one with a few digits or signs: it is among the first to be guessed")
	case isSequence(password):
		return wrong("not be a sequence of characters: it is among the first to be guessed")
	}
	return nil
}

// Params are the costs of argon2id.
type Params struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// RecommendedParams returns the least costs that OWASP's Password Storage Cheat Sheet recommends for argon2id: 19 MiB,
// 2 passes, 1 thread (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
func RecommendedParams() Params { return Params{Memory: 19 * 1024, Passes: 2, Threads: 1} }

// Sizes in bytes, as RFC 9106, 3.1 recommends them.
const (
	saltSize = 16
	hashSize = 32
)

// maxMemory bounds what a stored hash can make us allocate, in KiB.
const maxMemory = 256 * 1024

// Hasher hashes passwords, a few at a time: each hash takes the memory of its parameters, so that the number at once
// bounds the memory of all logins together.
type Hasher struct {
	params Params
	slots  chan struct{}
	decoy  passwordHash
}

// NewHasher returns a hasher that works on at most so many passwords at once.
func NewHasher(params Params, atOnce int) *Hasher {
	return &Hasher{
		params: params, slots: make(chan struct{}, atOnce),
		decoy: passwordHash{params: params, salt: make([]byte, saltSize), hash: make([]byte, hashSize)},
	}
}

// Hash returns the password's hash as a PHC string. It fails when the context ends before its turn comes.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	hash, err := h.derive(ctx, password, passwordHash{params: h.params, salt: salt, hash: make([]byte, hashSize)})
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return passwordHash{params: h.params, salt: salt, hash: hash}.String(), nil
}

// Verify reports whether the password is the one that was hashed, and whether the hash was made with other parameters
// than are in force now. An empty hash, of an account that there is not or that has no password, is as much work and
// matches nothing.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (matches, outdated bool, err error) {
	want, known := h.decoy, stored != ""
	if known {
		if want, err = parsePasswordHash(stored); err != nil {
			return false, false, fmt.Errorf("verify a password: %w", err)
		}
	}
	got, err := h.derive(ctx, password, want)
	if err != nil {
		return false, false, fmt.Errorf("verify a password: %w", err)
	}
	equal := subtle.ConstantTimeCompare(got, want.hash) == 1
	return known && equal, want.params != h.params || len(want.hash) != hashSize, nil
}

func (h *Hasher) derive(ctx context.Context, password string, like passwordHash) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
	p := like.params
	// A password typed on another keyboard can have other code points for the same characters.
	text := []byte(norm.NFC.String(password))
	return argon2.IDKey(text, like.salt, p.Passes, p.Memory, p.Threads, uint32(len(like.hash))), nil //nolint:gosec // at most 64
}

// passwordHash is a hash with all it takes to repeat it.
type passwordHash struct {
	params Params
	salt   []byte
	hash   []byte
}

// String writes the hash in the PHC string format:
// https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md.
func (p passwordHash) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.params.Memory, p.params.Passes,
		p.params.Threads, encode(p.salt), encode(p.hash))
}

var errBadHash = errors.New("the stored hash is no argon2id PHC string within bounds")

// parsePasswordHash reads what String writes. Its error does not show the hash.
func parsePasswordHash(text string) (passwordHash, error) {
	var p passwordHash
	fields := strings.Split(text, "$")
	if len(fields) != 6 || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errBadHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.params.Memory, &p.params.Passes, &p.params.Threads); err != nil {
		return p, errBadHash
	}
	var saltErr, hashErr error
	p.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(fields[4])
	p.hash, hashErr = base64.RawStdEncoding.Strict().DecodeString(fields[5])
	const least, most, maxPasses = 16, 64, 100
	switch {
	case saltErr != nil, hashErr != nil, p.String() != text,
		len(p.salt) < least, len(p.salt) > most, len(p.hash) < least, len(p.hash) > most,
		p.params.Threads < 1, p.params.Passes < 1, p.params.Passes > maxPasses,
		p.params.Memory < 8*uint32(p.params.Threads), p.params.Memory > maxMemory:
		return passwordHash{}, errBadHash
	}
	return p, nil
}
