package rum

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOfAnErrorItsPlaceIsKeptAndNoneOfItsWords(t *testing.T) {
	for name, c := range map[string]struct {
		stack, path string
		line        int
	}{
		"a frame of Chrome":                {"at add (https://shop.example/assets/a.js:12:34)\nat https://shop.example/b.js:4:5", "/assets/a.js", 12},
		"a frame of Firefox":               {"add@https://shop.example/a.js:12:34", "/a.js", 12},
		"a frame with a query":             {"at https://shop.example/a.js?user=nora:12:34", "/a.js", 12},
		"a frame with credentials":         {"at https://nora:hunter2@shop.example/a.js:12:34", "/a.js", 12},
		"a file that did not load":         {"at https://shop.example/logo.png", "/logo.png", 0},
		"a page, whose path may be a name": {"at https://shop.example/accounts/nora-byrne:12:34", "", 0},
		"an address of somebody":           {"at /nora@example.org/a.js:12:34", "/a.js", 12},
		"words":                            {"no basket of Nora Byrne", "", 0},
		"nothing":                          {"", "", 0},
		"a line beyond all scripts":        {"at /a.js:123456789012345678901234567890:1", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := faultOf(BrowserError{Kind: "exception", Type: "TypeError", Message: "Nora", Stack: c.stack})
			require.Equal(t, c.path, f.path)
			require.Equal(t, c.line, f.line)
			require.Equal(t, "TypeError", f.class)
			require.Len(t, f.fingerprint, 16)
		})
	}
	require.Equal(t, "other", faultOf(BrowserError{Type: "NoraByrneError"}).class)
}

func TestErrorsFromOnePlaceHaveOneFingerprint(t *testing.T) {
	here := BrowserError{Kind: "exception", Type: "TypeError", Message: "no basket of Nora", Stack: "at https://shop.example/a.js:12:34"}
	same, elsewhere, another := here, here, here
	same.Message, same.Stack = "no basket of Finn", "at https://www.shop.example/a.js?v=2:12:34"
	elsewhere.Stack = "at https://shop.example/a.js:13:1"
	another.Type = "RangeError"
	require.Equal(t, faultOf(here).fingerprint, faultOf(same).fingerprint)
	require.NotEqual(t, faultOf(here).fingerprint, faultOf(elsewhere).fingerprint)
	require.NotEqual(t, faultOf(here).fingerprint, faultOf(another).fingerprint)
}
