package auth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

// cheap are parameters for tests; see RecommendedParams for those in use.
func cheap() auth.Params { return auth.Params{Memory: 8, Passes: 1, Threads: 1} }

const password = "walnut-Saturday-quince"

func TestAPasswordMatchesItsHashAndNoOther(t *testing.T) {
	hasher := auth.NewHasher(cheap(), 4)
	rapid.Check(t, func(rt *rapid.T) {
		password, other := rapid.String().Draw(rt, "password"), rapid.String().Draw(rt, "other")
		hash, err := hasher.Hash(t.Context(), password)
		require.NoError(rt, err)
		matches, outdated, err := hasher.Verify(t.Context(), password, hash)
		require.NoError(rt, err)
		require.True(rt, matches)
		require.False(rt, outdated)
		if other != password {
			again, err := hasher.Hash(t.Context(), password)
			require.NoError(rt, err)
			require.NotEqual(rt, hash, again, "each has a salt of its own")
		}
	})
	hash, err := hasher.Hash(t.Context(), password)
	require.NoError(t, err)
	for _, wrong := range []string{"", " ", password + " ", strings.ToUpper(password)} {
		matches, _, err := hasher.Verify(t.Context(), wrong, hash)
		require.NoError(t, err)
		require.False(t, matches, "%q", wrong)
	}
}

func TestTheSameCharactersAreTheSamePassword(t *testing.T) {
	hasher := auth.NewHasher(cheap(), 1)
	hash, err := hasher.Hash(t.Context(), "caf\u00e9-noir-bien")
	require.NoError(t, err)
	matches, _, err := hasher.Verify(t.Context(), "cafe\u0301-noir-bien", hash)
	require.NoError(t, err)
	require.True(t, matches)
}

func TestTheParametersAreOWASPs(t *testing.T) {
	hash, err := auth.NewHasher(auth.RecommendedParams(), 1).Hash(t.Context(), password)
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
}

func TestAHashOfOtherParametersMatchesAndIsOutdated(t *testing.T) {
	hash, err := auth.NewHasher(auth.Params{Memory: 16, Passes: 2, Threads: 1}, 1).Hash(t.Context(), password)
	require.NoError(t, err)
	matches, outdated, err := auth.NewHasher(cheap(), 1).Verify(t.Context(), password, hash)
	require.NoError(t, err)
	require.True(t, matches)
	require.True(t, outdated)
}

func TestAnEmptyHashMatchesNothing(t *testing.T) {
	for _, password := range []string{"", password} {
		matches, _, err := auth.NewHasher(cheap(), 1).Verify(t.Context(), password, "")
		require.NoError(t, err)
		require.False(t, matches)
	}
}

func TestAStoredHashThatIsDamagedIsAnErrorThatDoesNotShowIt(t *testing.T) {
	salt, hash := strings.Repeat("A", 22), strings.Repeat("B", 43)
	for name, stored := range map[string]string{
		"of another function": "$2a$10$" + salt + hash,
		"argon2i":             "$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + hash,
		"of another version":  "$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + hash,
		"of all memory":       "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + hash,
		"of endless passes":   "$argon2id$v=19$m=8,t=4294967295,p=1$" + salt + "$" + hash,
		"of no passes":        "$argon2id$v=19$m=8,t=0,p=1$" + salt + "$" + hash,
		"of no threads":       "$argon2id$v=19$m=8,t=1,p=0$" + salt + "$" + hash,
		"with a sign":         "$argon2id$v=19$m=+8,t=1,p=1$" + salt + "$" + hash,
		"without a salt":      "$argon2id$v=19$m=8,t=1,p=1$$" + hash,
		"cut off":             "$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + hash[:10],
		"padded":              "$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + hash + "=",
	} {
		t.Run(name, func(t *testing.T) {
			matches, _, err := auth.NewHasher(cheap(), 1).Verify(t.Context(), password, stored)
			require.ErrorContains(t, err, "verify a password")
			require.NotContains(t, err.Error(), "AAAA")
			require.False(t, matches)
		})
	}
}

func TestMorePasswordsThanTurnsWaitAndGiveUpWithTheirCaller(t *testing.T) {
	hasher := auth.NewHasher(cheap(), 1)
	release := auth.Occupy(hasher)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := hasher.Hash(ctx, password)
		failed <- err
	}()
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	release()
	_, err := hasher.Hash(t.Context(), password)
	require.NoError(t, err)
}

func TestPasswordsThatAreEasilyGuessedAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ password, want string }{
		"11 characters":             {"walnut-Satu", "12 to 128 characters"},
		"129 characters":            {strings.Repeat("abcdefghij", 13)[:129], "12 to 128 characters"},
		"one character":             {strings.Repeat("a", 20), "5 different"},
		"the name and a little":     {"nora.byrne-2026", "more than your e-mail address"},
		"the address":               {"Nora.Byrne@example.org"[:13], "more than your e-mail address"},
		"not UTF-8":                 {"walnut-\xff-Saturday", "UTF-8"},
		"12 characters, 11 of ones": {"1111111111a2", "5 different"},
		"a common one":              {"unbelievable", "common passwords"},
		"a common one in capitals":  {"UNBELIEVABLE", "common passwords"},
		"a common one and digits":   {"Liverpool1892", "common passwords"},
		"a common one and signs":    {"!!sunshine??", "common passwords"},
		"a common one in disguise":  {"P@$$w0rd2026", "common passwords"},
		"a common one, twice":       {"letmeinLetMeIn", "common passwords"},
		"a row of keys and digits":  {"qwertyuiop123", "common passwords"},
		"a common number, twice":    {"123456123456", "common passwords"},
		"the alphabet":              {"abcdefghijklm", "sequence"},
		"digits upwards":            {"1234567890123", "sequence"},
		"digits downwards":          {"9876543210987", "sequence"},
	} {
		t.Run(name, func(t *testing.T) {
			err := auth.CheckPassword(test.password, "nora.byrne@example.org")
			require.ErrorIs(t, err, market.ErrInvalid)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), test.password)
		})
	}
	for _, good := range []string{password, "пароль-из-букв", "twelve chars", strings.Repeat("walnut, ", 16), "manchester-tram-7", "a long password 4 tests"} {
		require.NoError(t, auth.CheckPassword(good, "nora.byrne@example.org"), good)
	}
}

func TestAnyTextIsAPasswordOrIsRefused(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		err := auth.CheckPassword(rapid.String().Draw(rt, "password"), rapid.String().Draw(rt, "email"))
		if err != nil {
			require.ErrorIs(rt, err, market.ErrInvalid)
		}
	})
}
