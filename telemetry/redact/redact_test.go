package redact_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/redact"
)

const (
	jwt    = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
	key    = "sk_live_51H8xkqL2eZ"
	random = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
)

func TestString(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a JSON Web Token":            {"refused " + jwt + " as expired", "refused REDACTED as expired"},
		"a token that is cut off":     {"eyJhbGciOiJIUzI1NiJ9", "REDACTED"},
		"a key of Stripe":             {"invalid key " + key + ".", "invalid key REDACTED."},
		"a webhook's secret":          {"whsec_abc+/=", "REDACTED"},
		"a client's secret":           {"pi_123_secret_456 is wrong", "REDACTED is wrong"},
		"a bearer":                    {"sent Bearer abcdef12", "sent Bearer REDACTED"},
		"a header to its end":         {"Cookie: a=1; b=hunter2\nHost: x", "Cookie: REDACTED\nHost: x"},
		"a header in a map":           {"map[Authorization:[Basic aHVudGVyMg==]]", "map[Authorization:REDACTED"},
		"the password of a URL":       {"dial postgres://market:hunter2@db.example.org/market", "dial postgres://REDACTED@db.example.org/market"},
		"a password with a slash":     {"redis://:hun/ter2@redis:6379", "redis://REDACTED@redis:6379"},
		"a password with an at sign":  {"redis://:hun@ter2@redis:6379", "redis://REDACTED@redis:6379"},
		"an e-mail address":           {"<jane.doe+x@example.org> exists", "<REDACTED> exists"},
		"an e-mail address in a path": {"/users/jane%40example.org/orders", "/users/REDACTED/orders"},
		"an international address":    {"jörg@bücher.example", "REDACTED"},
		"a setting":                   {"host=db password=hunter2 user=market", "host=db password=REDACTED user=market"},
		"a setting with spaces":       {"password = 'hunter 2'", "password = 'REDACTED'"},
		"a field of JSON":             {`{"refresh_token": "abc \" def","n":1}`, `{"refresh_token": "REDACTED","n":1}`},
		"a field of JSON in JSON":     {`"{\"password\":\"hunter2\"}"`, `"{\"password\":\"REDACTED\"}"`},
		"a field of a struct":         {"{ID:7 Password:hunter2 Name:x}", "{ID:7 Password:REDACTED Name:x}"},
		"PostgreSQL's detail":         {"Key (owner, name)=(7, Jane Doe) already exists.", "Key (owner, name)=(REDACTED) already exists."},
		"PostgreSQL's row":            {"Failing row contains (7, Jane (Doe), null).", "Failing row contains (REDACTED)."},
		"a card":                      {"card 4242424242424242 declined", "card REDACTED declined"},
		"a card in groups":            {"4242 4242-4242 4242", "REDACTED"},
		"what looks random":           {"/x/" + random + "/y", "/x/REDACTED/y"},
		"several":                     {jwt + " jane@example.org " + key, "REDACTED REDACTED REDACTED"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, redact.String(c.text))
			require.Equal(t, c.want, redact.String(c.want), "and again")
		})
	}
}

func TestStringLeavesAlone(t *testing.T) {
	for name, text := range map[string]string{
		"a route":                           "/api/v1/farms/{id}/products",
		"a UUID":                            "/api/v1/orders/019ab3c4-5d6e-7123-8123-123456789012",
		"a trace":                           "4bf92f3577b34da6a3ce929d0e0e4736",
		"a hash":                            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"joined errors":                     "parse refresh token: illegal base64 data at input byte 4",
		"a time":                            "2026-03-01T12:00:00.123456789Z",
		"a time in milliseconds":            "1767225600000",
		"a payment of Stripe":               "pi_3MtwBwLkdIwHu7ix28a3tqPa",
		"a statement":                       `SELECT "id" FROM "accounts" WHERE (email = ?) AND (token_hash = $1)`,
		"a stack":                           "github.com/gofiber/fiber/v2.(*App).handler(0xc000123456)\n\t/go/pkg/mod/github.com/gofiber/fiber/v2@v2.52.15/router.go:172 +0x1c",
		"a number with a wrong check digit": "4242424242424241",
		"an address of a host":              "dial tcp 127.0.0.1:5432: connect: connection refused",
		"a long name":                       "/tmp/TestAStartThatCannotWorkSaysWhyAndExitsWith22268334443/001/file",
		"a browser":                         "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, text, redact.String(text)) })
	}
}

func TestQuery(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"ordinary parameters":       {"limit=20&sort=-price&q=", "limit=20&sort=-price&q=REDACTED"},
		"a token":                   {"access_token=abc&limit=1", "access_token=REDACTED&limit=1"},
		"a name that is encoded":    {"%74oken=abc", "%74oken=REDACTED"},
		"a name of a person":        {"customer_name=Jane+Doe", "customer_name=REDACTED"},
		"what is searched for":      {"q=jane+doe", "q=REDACTED"},
		"an address under any name": {"for=jane%40example.org", "for=REDACTED"},
		"an address, all encoded":   {"for=%6a%61ne@example%2eorg", "for=REDACTED"},
		"a secret without a name":   {key, "REDACTED"},
		"a secret as a name":        {key + "=1", "REDACTED=1"},
		"what is not encoded right": {"a=%zz&token=%zz", "a=%zz&token=REDACTED"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, redact.Query(c.query))
			require.Equal(t, c.want, redact.Query(c.want), "and again")
		})
	}
}

func TestPath(t *testing.T) {
	require.Equal(t, "/users/REDACTED/x", redact.Path("/users/%6aane%40example%2Eorg/x"))
	require.Equal(t, "/caf%C3%A9", redact.Path("/caf%C3%A9"))
}

func TestNoDeclaredFieldOrAttributeIsTakenForASecret(t *testing.T) {
	for _, l := range catalogue.All().Lines {
		for _, f := range l.Fields() {
			require.False(t, redact.Key(f.Name), "log field %s", f.Name)
		}
	}
	for _, s := range catalogue.All().Spans {
		for _, a := range s.Attributes() {
			require.False(t, redact.Key(a.Name), "attribute %s", a.Name)
		}
	}
}

// The pattern for what looks random knows nothing but statistics.
func TestAlmostEveryRandomTokenIsFound(t *testing.T) {
	const tokens = 10_000
	survived := 0
	secret := make([]byte, 32)
	source := rand.NewChaCha8([32]byte{}) // the same every time
	for range tokens {
		_, _ = source.Read(secret)
		if text := base64.RawURLEncoding.EncodeToString(secret); redact.String(text) == text {
			survived++
		}
	}
	require.Less(t, survived, tokens/500)
	t.Logf("%d of %d survived", survived, tokens)
}

// FuzzString plants a secret in any text.
func FuzzString(f *testing.F) {
	secrets := []string{jwt, key, "whsec_abcdef", "Bearer abcdef12", "jane@example.org", "4242424242424242", random, "password=hunter2", "redis://:hunter2@r"}
	f.Add("", "", uint8(0))
	f.Add(`{"password":"`, `"}`, uint8(3))
	f.Add("Key (email)=(", ") already", uint8(4))
	f.Add("://", "@", uint8(6))
	f.Fuzz(func(t *testing.T, before, after string, n uint8) {
		secret := secrets[int(n)%len(secrets)]
		text := before + " " + secret + " " + after
		got := redact.String(text)
		require.NotContains(t, got, secret, "from %q", text)
		require.Equal(t, got, redact.String(got), "again, from %q", text)
		redact.Path(text)
		redact.Query(text)
		redact.Key(text)
	})
}

func BenchmarkString(b *testing.B) {
	for name, text := range map[string]string{
		"a path":     "/api/v1/orders/019ab3c4-5d6e-7123-8123-123456789012/pay",
		"an error":   "load order 019ab3c4-5d6e-7123-8123-123456789012: the database is unavailable: dial tcp 127.0.0.1:5432: connect: connection refused",
		"a stack":    strings.Repeat("github.com/gofiber/fiber/v2.(*App).handler(0xc000123456)\n\t/go/pkg/mod/github.com/gofiber/fiber/v2@v2.52.15/router.go:172 +0x1c\n", 60),
		"an address": "duplicate: jane@example.org",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				redact.String(text)
			}
		})
	}
}
