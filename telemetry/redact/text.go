package redact

import (
	"regexp"
	"strings"
)

// pattern finds one kind of secret in a text.
type pattern struct {
	hint     hints // what a text must have for the pattern to be tried
	match    *regexp.Regexp
	replace  string                  // a template, as of regexp.Expand
	innocent func(match string) bool // looked closer at, it is no secret
}

// name matches a name with a secretWord in it, and the quotes and brackets that it may be in.
var name = `((?i:[\w-]*(?:` + strings.Join(secretWords, "|") + `)[\w-]*)\\?["')\]]{0,2}`

// patterns are tried in this order.
var patterns = []pattern{
	{ // the user and the password of a URL, whose password may break the rules
		hint: at, match: regexp.MustCompile(`([a-zA-Z][\w+.-]*://)(?:[^\s/?#"'<>@:]*:[^\s"'<>]*|[^\s/?#"'<>]+)@`),
		replace: "${1}" + Mark + "@",
	},
	{ // headers, to the end of the line: their values have spaces in them
		hint:    assignment,
		match:   regexp.MustCompile(`(?i)(\b(?:authorization|cookie|x-api-key|stripe-signature|idempotency-key)\\?["']?[ \t]*[:=][ \t]*)[^ \t\r\n][^\r\n]*`),
		replace: "${1}" + Mark,
	},
	{ // the values in PostgreSQL's details
		hint: assignment, match: regexp.MustCompile(`(\bKey \([^\n]*?\)=)\([^\n]*\)`), replace: "${1}(" + Mark + ")",
	},
	{hint: rowOfValues, match: regexp.MustCompile(`(\bFailing row contains )\([^\n]*\)`), replace: "${1}(" + Mark + ")"},
	// name="value" and "name": "value"; then name=value and name:value, but not `name: value`: so errors are joined.
	{hint: assignment, match: regexp.MustCompile(name + `\s*[=:]\s*\\")[^"\\]*`), replace: "${1}" + Mark}, // in JSON in JSON
	{hint: assignment, match: regexp.MustCompile(name + `\s*[=:]\s*")(?:[^"\\]|\\.)*`), replace: "${1}" + Mark},
	{hint: assignment, match: regexp.MustCompile(name + `\s*[=:]\s*')[^']*`), replace: "${1}" + Mark},
	{
		hint: assignment, match: regexp.MustCompile(name + `(?:\s?=\s?|:))[^\s,;&"'<>)}\]\\]+`), replace: "${1}" + Mark,
		innocent: isPlaceholder,
	},
	{hint: token, match: regexp.MustCompile(`\beyJ[\w-]{5,}(?:\.[\w-]*)*`), replace: Mark},
	{hint: token, match: regexp.MustCompile(`\b(?:sk|rk|whsec)_[\w+/=-]+`), replace: Mark}, // of Stripe
	{hint: token, match: regexp.MustCompile(`\b[a-z]+_\w+_secret_\w+`), replace: Mark},     // that Stripe gives to clients
	{hint: credentials, match: regexp.MustCompile(`(?i)(\b(?:bearer|basic)[ +]+)[\w.~+/=-]{6,}`), replace: "${1}" + Mark},
	{ // e-mail addresses, also in a URL
		hint: at, match: regexp.MustCompile(`[^\s@<>"'(),:;=/\\?&\[\]{}|]+(?:@|%40)[\pL\pN](?:[\pL\pN-]*\.)+\pL{2,}[\pL\pN-]*`),
		replace: Mark, innocent: isUserinfo,
	},
	// Payment cards, with their digits in one group, or as they are printed.
	{hint: digits, match: regexp.MustCompile(`\b[2-6]\d{12,18}\b`), replace: Mark, innocent: isNoCard},
	{
		hint: digits, match: regexp.MustCompile(`\b(?:[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]\d{1,4}|3\d{3}[ -]\d{6}[ -]\d{5})\b`), replace: Mark,
		innocent: isNoCard,
	},
	// Base64 of 24 bytes or more, and the like.
	{hint: token, match: regexp.MustCompile(`[\w+-]{32,}`), replace: Mark, innocent: isNotRandom},
}

// passes bounds how often a text is looked through: what is taken out may bring something else to light.
const passes = 4

// String takes out of a text what looks secret or personal: credentials, tokens, the passwords of URLs, e-mail
// addresses, payment cards, and what stands behind a name such as password=. String(String(s)) is String(s).
func String(s string) string {
	for range passes {
		found := look(s)
		if found == 0 {
			return s
		}
		next := s
		for i := range patterns {
			if found&patterns[i].hint != 0 {
				next = patterns[i].apply(next)
			}
		}
		if next == s {
			return s
		}
		s = next
	}
	return s
}

func (p *pattern) apply(s string) string {
	matches := p.match.FindAllStringSubmatchIndex(s, -1)
	if matches == nil {
		return s
	}
	var out []byte
	done := 0
	for _, m := range matches {
		if p.innocent != nil && p.innocent(s[m[0]:m[1]]) {
			continue
		}
		out = append(out, s[done:m[0]]...)
		out = p.match.ExpandString(out, p.replace, s, m)
		done = m[1]
	}
	return string(append(out, s[done:]...))
}

// isPlaceholder says that the value of an assignment is one of a statement's placeholders.
func isPlaceholder(assignment string) bool {
	value := strings.TrimLeft(assignment[strings.LastIndexAny(assignment, "=:")+1:], " ")
	return value == "?" || strings.HasPrefix(value, "$")
}

// isUserinfo says that what looks like an e-mail address is what is left of a URL, or the version of a Go module.
func isUserinfo(address string) bool {
	local, domain, _ := strings.Cut(address, "@")
	return local == Mark || isVersion(domain)
}

// isVersion says that the text begins as the version of a Go module does, of which stacks are full.
func isVersion(s string) bool { return len(s) > 1 && s[0] == 'v' && isDigit(s[1]) }

// isNoCard checks a card number's check digit, by ISO/IEC 7812-1 (Luhn).
func isNoCard(number string) bool {
	sum, double := 0, false
	for i := len(number) - 1; i >= 0; i-- {
		if !isDigit(number[i]) {
			continue
		}
		digit := int(number[i] - '0')
		if double {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
		double = !double
	}
	return sum%10 != 0
}

// isNotRandom tells names, hashes and UUIDs from base64, in which capitals, small letters and digits are mixed. In names
// the small letters come in words: in base64 there are 1.7 of them in a row on average, and in names three and more; and
// digits stand in one or two places.
func isNotRandom(word string) bool {
	var uppers, lowers, words, numbers int
	previous := uint8(0)
	for i := range len(word) {
		kind := kinds[word[i]] & (upper | lower | digit)
		switch kind {
		case upper:
			uppers++
		case lower:
			lowers++
		}
		if kind != previous && kind == lower {
			words++
		}
		if kind != previous && kind == digit {
			numbers++
		}
		previous = kind
	}
	if uppers == 0 || numbers == 0 || words == 0 {
		return true
	}
	const lettersOfAWord, numbersOfAName = 2.8, 2
	return float64(lowers) >= lettersOfAWord*float64(words) && numbers <= numbersOfAName
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
