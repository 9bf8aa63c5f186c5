package config_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/config"
)

func TestTheOriginsOfPagesAreTakenAsBrowsersSendThem(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		want  []string
	}{
		"none, unless they are set": {"", nil},
		"one":                       {"https://shop.example.org", []string{"https://shop.example.org"}},
		"several, with ports":       {"http://localhost:3000, https://a-b.example:8443", []string{"http://localhost:3000", "https://a-b.example:8443"}},
		"addresses":                 {"http://[::1]:3000, http://127.0.0.1:3000", []string{"http://[::1]:3000", "http://127.0.0.1:3000"}},
		"a name in Punycode":        {"https://xn--mnchen-3ya.example", []string{"https://xn--mnchen-3ya.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{"CORS_ORIGINS=" + c.value}
			loaded, err := config.Load(environ)
			require.NoError(t, err)
			require.Equal(t, c.want, loaded.CORSOrigins)
			var printed bytes.Buffer
			require.NoError(t, config.Print(&printed, environ))
			require.Contains(t, printed.String(), c.value, "it is no secret")
		})
	}
}

func TestWhatIsNoOriginIsRefusedWithHowToWriteIt(t *testing.T) {
	for value, want := range map[string]string{
		"*":                                    `"*" has a *`,
		"https://*.example.org":                "list each origin by itself",
		"https://shop.example.org,*":           `"*" has a *`,
		"null":                                 `"null" is not an origin: write scheme, host`,
		"shop.example.org":                     `"shop.example.org" is not an origin`,
		"localhost:3000":                       `"localhost:3000" is not an origin`,
		"//shop.example.org":                   "as in https://shop.example.org or http://localhost:3000",
		"ftp://shop.example.org":               "is not an origin",
		"https://":                             "is not an origin",
		"https://münchen.example":              "is not an origin",
		"https://shop.example.org:0":           "is not an origin",
		"https://shop.example.org:70000":       "is not an origin",
		"https://[fe80::1%25eth0]":             "is not an origin",
		"https://a.example,,https://b.example": `"" is not an origin`,
		"https://shop.example.org/":            "write https://shop.example.org (",
		"https://shop.example.org/basket?a#b":  "write https://shop.example.org (",
		"https://shop.example.org:443":         "write https://shop.example.org (",
		"http://shop.example.org:080":          "write http://shop.example.org (",
		"http://shop.example.org:08080":        "write http://shop.example.org:8080 (",
		"HTTPS://Shop.Example.org":             "write https://shop.example.org (",
		"http://[0:0::1]":                      "write http://[::1] (",
		"https://nora:hunter2@shop.example":    "write https://shop.example (",
		"https://nora:hunter2@shop.example:x":  "is not an origin",
	} {
		t.Run(value, func(t *testing.T) {
			environ := []string{"CORS_ORIGINS=" + value}
			_, err := config.Load(environ)
			require.ErrorContains(t, err, "CORS_ORIGINS: ")
			require.ErrorContains(t, err, want)
			var printed bytes.Buffer
			require.NoError(t, config.Print(&printed, environ))
			require.NotContains(t, err.Error()+printed.String(), "hunter2")
		})
	}
}
