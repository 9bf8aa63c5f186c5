package market_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
)

func TestAnAddressHasOneForm(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"as it is":                {"nora@example.org", "nora@example.org"},
		"case does not matter":    {"Nora.Byrne@Example.ORG", "nora.byrne@example.org"},
		"space around is dropped": {"  nora@example.org\n", "nora@example.org"},
		"a tag stays":             {"nora+market@example.org", "nora+market@example.org"},
		"a domain in letters":     {"nora@bücher.example", "nora@xn--bcher-kva.example"},
		"a domain in punycode":    {"nora@XN--bcher-kva.example", "nora@xn--bcher-kva.example"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := market.NormalizeEmail(test.text)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                      "",
		"no @":                         "nora.example.org",
		"nothing before the @":         "@example.org",
		"nothing after the @":          "nora@",
		"two @":                        "nora@home@example.org",
		"a domain without a dot":       "nora@localhost",
		"a domain that ends in a dot":  "nora@example.org.",
		"a domain with an empty label": "nora@example..org",
		"an address in brackets":       "nora@[127.0.0.1]",
		"space inside":                 "nora byrne@example.org",
		"a line break for a header":    "nora@example.org\r\nBcc: all@example.org",
		"NUL":                          "nora\x00@example.org",
		"not UTF-8":                    "nora\xff@example.org",
		"a letter that folds to i":     "adm\u0131n@example.org",
		"a Cyrillic o":                 "n\u043era@example.org",
		"a comment":                    "nora(me)@example.org",
		"a name as well":               "Nora <nora@example.org>",
		"65 characters before the @":   strings.Repeat("a", 65) + "@example.org",
		"255 characters":               strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 94) + "exa",
		"dots side by side":            "nora..byrne@example.org",
		"a megabyte":                   strings.Repeat("a", 1<<20) + "@example.org",
		"a mark that is not seen":      "nora@exam\u200eple.org",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := market.NormalizeEmail(text)
			require.ErrorIs(t, err, market.ErrInvalid)
			require.Less(t, len(err.Error()), 200, "the text is not repeated")
		})
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	for _, text := range []string{"Nora@Example.org", "a@b.c", "nora@bücher.example", "ı@ß.example", "@", "a@b@c.d", "a@xn--a.b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := market.NormalizeEmail(text)
		if err != nil {
			require.ErrorIs(t, err, market.ErrInvalid)
			return
		}
		require.True(t, utf8.ValidString(once))
		require.LessOrEqual(t, len(once), 254)
		require.Equal(t, 1, strings.Count(once, "@"))
		require.False(t, strings.ContainsAny(once, " \t\r\n\x00<>()[],;:\\\""), "%q", once)
		for _, r := range once {
			require.Less(t, r, rune(0x7f), "%q", once)
		}
		twice, err := market.NormalizeEmail(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
		upper, err := market.NormalizeEmail(strings.ToUpper(once))
		require.NoError(t, err, "%q", once)
		require.Equal(t, once, upper)
	})
}
