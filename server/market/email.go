package market

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Bounds of an e-mail address, in octets (RFC 5321, 4.5.3.1; the address as a whole by RFC 3696, erratum 1690).
const (
	maxEmail      = 254
	maxEmailLocal = 64
)

// NormalizeEmail returns the one form in which an e-mail address is kept, so that an address has one account however it
// is written: without space around it, in lower case, the domain in its ASCII form. It takes dot-atoms of ASCII before
// the @ only: letters that look alike or fold to one another must not lead to another's account. It fails with
// ErrInvalid.
func NormalizeEmail(text string) (string, error) {
	wrong := func(rule string) (string, error) {
		return "", &InvalidError{Field: "email", Rule: rule}
	}
	if len(text) > 2*maxEmail { // before any work is put into it; a domain's ASCII form can be the shorter one
		return wrong("have at most 254 characters")
	}
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '@')
	if at < 1 || !utf8.ValidString(text) {
		return wrong("be an e-mail address like name@example.org")
	}
	local := text[:at]
	if !isDotAtom(local) || len(local) > maxEmailLocal {
		return wrong("have at most 64 letters, digits and signs of ASCII before the @")
	}
	domain, err := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true)).
		ToASCII(text[at+1:])
	if err != nil || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") {
		return wrong("have a domain like example.org after the @")
	}
	address := strings.ToLower(local) + "@" + strings.ToLower(domain)
	if len(address) > maxEmail {
		return wrong("have at most 254 characters")
	}
	return address, nil
}

// isDotAtom reports whether the text is words of atext with single dots between them (RFC 5322, 3.2.3).
func isDotAtom(text string) bool {
	for word := range strings.SplitSeq(text, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

func isAtext(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}
