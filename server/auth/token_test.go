package auth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

// secret makes a key of 32 equal bytes.
func secret(b byte) []byte { return []byte(strings.Repeat(string(rune(b)), 32)) }

func keys(tb testing.TB, ids ...string) auth.Keys {
	tb.Helper()
	entries := make([]string, len(ids))
	for i, id := range ids {
		entries[i] = id + ":" + base64.StdEncoding.EncodeToString(secret(id[0]))
	}
	parsed, err := auth.ParseKeys(strings.Join(entries, ","))
	require.NoError(tb, err)
	return parsed
}

var noon = time.Date(2026, time.May, 2, 12, 0, 0, 0, time.UTC)

func tokens(tb testing.TB, clock market.Clock, ids ...string) *auth.Tokens {
	tb.Helper()
	made, err := auth.NewTokens(keys(tb, ids...), 15*time.Minute, clock)
	require.NoError(tb, err)
	return made
}

// forge signs a token that is right but for what change does to it.
func forge(t *testing.T, change func(header, claims map[string]any), method jwt.SigningMethod, key any) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": "farmers-market", "aud": "farmers-market-api", "sub": uuid.NewString(), "ver": 1,
		"iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix(),
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"], token.Header["typ"] = "a", "at+jwt"
	change(token.Header, claims)
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return signed
}

func unchanged(_, _ map[string]any) {}

func TestATokenOfOursIsTaken(t *testing.T) {
	verifier := tokens(t, markettest.NewClock(noon), "a", "b")
	_, err := verifier.Verify(forge(t, unchanged, jwt.SigningMethodHS256, secret('a')))
	require.NoError(t, err)
	_, err = verifier.Verify(forge(t, func(h, _ map[string]any) { h["kid"] = "b" }, jwt.SigningMethodHS256, secret('b')))
	require.NoError(t, err, "the key before the one in force")
}

func TestATokenThatIsNotOursIsRefused(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	good := forge(t, unchanged, jwt.SigningMethodHS256, secret('a'))
	parts := strings.Split(good, ".")
	encode := func(value any) string {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	claim := func(name string, value any) string {
		return forge(t, func(_, c map[string]any) { c[name] = value }, jwt.SigningMethodHS256, secret('a'))
	}
	header := func(name string, value any) string {
		return forge(t, func(h, _ map[string]any) { h[name] = value }, jwt.SigningMethodHS256, secret('a'))
	}
	without := func(name string) string {
		return forge(t, func(h, c map[string]any) { delete(h, name); delete(c, name) }, jwt.SigningMethodHS256, secret('a'))
	}
	for name, token := range map[string]string{
		"nothing":                        "",
		"no JWT":                         "walnut",
		"expired":                        claim("exp", noon.Add(-time.Second).Unix()),
		"without an end":                 without("exp"),
		"from the future":                claim("iat", noon.Add(time.Hour).Unix()),
		"not valid yet":                  claim("nbf", noon.Add(time.Hour).Unix()),
		"for another audience":           claim("aud", "another-api"),
		"without an audience":            without("aud"),
		"of another issuer":              claim("iss", "elsewhere"),
		"without an account":             without("sub"),
		"for an account that is no id":   claim("sub", "admin"),
		"without a version":              without("ver"),
		"of another kind":                header("typ", "JWT"),
		"without a key id":               without("kid"),
		"with an unknown key id":         header("kid", "z"),
		"with a key id that is no text":  header("kid", []string{"a"}),
		"signed with another key":        forge(t, unchanged, jwt.SigningMethodHS256, secret('b')),
		"signed with the key of another": forge(t, func(h, _ map[string]any) { h["kid"] = "b" }, jwt.SigningMethodHS256, secret('a')),
		"signed with an empty key":       forge(t, unchanged, jwt.SigningMethodHS256, []byte{}),
		"HS512 with the right key":       forge(t, unchanged, jwt.SigningMethodHS512, secret('a')),
		"EdDSA":                          forge(t, unchanged, jwt.SigningMethodEdDSA, private),
		"alg none":                       forge(t, unchanged, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"alg none, the signature kept":   encode(map[string]any{"alg": "none", "kid": "a", "typ": "at+jwt"}) + "." + parts[1] + "." + parts[2],
		"alg None, in another case":      encode(map[string]any{"alg": "nOnE", "kid": "a", "typ": "at+jwt"}) + "." + parts[1] + ".",
		"the payload changed":            parts[0] + "." + encode(map[string]any{"sub": uuid.NewString(), "ver": 1}) + "." + parts[2],
		"the signature cut off":          parts[0] + "." + parts[1] + ".",
		"the signature's last bits":      parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "_",
		"padded base64":                  good + "=",
		"a fourth part":                  good + ".x",
		"a line break inside":            parts[0] + ".\n" + parts[1] + "." + parts[2],
		"very long":                      parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			p, err := tokens(t, markettest.NewClock(noon), "a", "b").Verify(token)
			require.ErrorIs(t, err, market.ErrUnauthenticated)
			require.Zero(t, p)
			require.Less(t, len(err.Error()), 100, "it does not repeat the token")
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIiwia2lkIjoiYSIsInR5cCI6ImF0K2p3dCJ9.e30.")
	f.Add("eyJhbGciOiJIUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJhdCtqd3QifQ.eyJleHAiOjFlMzA4fQ.AAAA")
	verifier := tokens(f, markettest.NewClock(noon), "a")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := verifier.Verify(token)
		require.ErrorIs(t, err, market.ErrUnauthenticated, "nobody can make a token without the key")
	})
}
