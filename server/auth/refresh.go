package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Session is what one login opens: a chain of refresh tokens of which only the last is good.
type Session struct {
	ID        string // UUID
	AccountID string
	TokenHash string // of the refresh token that is good; SHA-256 in hexadecimal
	CreatedAt time.Time
	ExpiresAt time.Time
}

// refreshToken is the session's id and a secret. The token is random, so a fast hash is enough to keep it.
type refreshToken struct {
	session string
	secret  string
}

const secretSize = 32 // bytes

func newRefreshToken(session string) refreshToken {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return refreshToken{session: session, secret: base64.RawURLEncoding.EncodeToString(secret)}
}

// parseRefreshToken reports whether the text has the form of a refresh token.
func parseRefreshToken(text string) (refreshToken, bool) {
	session, secret, found := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if !found || err != nil || len(raw) != secretSize || uuid.Validate(session) != nil || len(session) != 36 {
		return refreshToken{}, false
	}
	return refreshToken{session: strings.ToLower(session), secret: secret}, true
}

func (t refreshToken) text() string { return t.session + "." + t.secret }

func (t refreshToken) hash() string {
	sum := sha256.Sum256([]byte(t.text()))
	return hex.EncodeToString(sum[:])
}
