package redact

import "strings"

// hints say which patterns a text may match. Most texts have none, and are not looked at any closer.
type hints uint8

const (
	at          hints = 1 << iota // an @, or one that is percent-encoded
	assignment                    // a name of something secret, and = or :
	token                         // a long word with capitals, small letters and digits, or one of Stripe's prefixes
	credentials                   // Bearer or Basic, and a space
	digits                        // as many as a payment card has
	rowOfValues                   // a row of PostgreSQL
)

// The shortest that the patterns look for.
const (
	shortestCard   = 13 // digits
	shortestRandom = 32 // characters
)

// kinds of bytes, as look tells them apart.
const (
	digit = 1 << iota
	lower
	upper
	joint   // may be within a token: _ - +
	between // may be between the digits of a card
	special // has a meaning of its own
)

var kinds = kindsOfBytes()

func kindsOfBytes() (kinds [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		kinds[c] = digit
	}
	for c := 'a'; c <= 'z'; c++ {
		kinds[c] = lower
		kinds[c-'a'+'A'] = upper
	}
	kinds['_'], kinds['+'], kinds['-'] = joint|special, joint|special, joint|between
	kinds[' '] = between | special
	for _, c := range []byte("@%=:(J") {
		kinds[c] |= special
	}
	return kinds
}

// look reads the text once.
func look(s string) hints {
	var found hints
	word, seen := 0, uint8(0) // of the word that may be a token: its length, and what is in it
	row, grouped := 0, 0      // digits in a row, and in groups
	clean := false            // the groups do not begin within a word, as those of a UUID
	for i := range len(s) {
		kind := kinds[s[i]]
		if kind&(digit|lower|upper|joint) != 0 {
			word++
			seen |= kind
			if word >= shortestRandom && seen&(digit|lower|upper) == digit|lower|upper {
				found |= token
			}
		} else {
			word, seen = 0, 0
		}
		switch {
		case kind&digit != 0:
			if grouped == 0 {
				clean = i == 0 || kinds[s[i-1]]&(lower|upper|joint) == 0
			}
			row, grouped = row+1, grouped+1
			if row >= shortestCard || clean && grouped >= shortestCard {
				found |= digits
			}
		case kind&between != 0:
			row = 0
		default:
			row, grouped = 0, 0
		}
		if kind&special != 0 {
			found |= lookBack(s, i)
		}
	}
	return found
}

// lookBack says what the special byte at i ends.
func lookBack(s string, i int) hints {
	before := s[:i]
	switch s[i] {
	case '@':
		if !isVersion(s[i+1:]) {
			return at
		}
	case '%':
		if strings.HasPrefix(s[i:], "%40") {
			return at
		}
	case '=', ':':
		if endsWithKey(before) {
			return assignment
		}
	case '_', 'J':
		if beginsToken(before, s[i]) {
			return token
		}
	case ' ', '+':
		if hasEnding(before, "bearer") || hasEnding(before, "basic") {
			return credentials
		}
	case '(':
		if strings.HasSuffix(before, "row contains ") {
			return rowOfValues
		}
	}
	return 0
}

// beginsToken says whether the byte after the text ends what tokens begin with: those of Stripe, and eyJ.
func beginsToken(before string, next byte) bool {
	if next == 'J' {
		return strings.HasSuffix(before, "ey")
	}
	return hasEnding(before, "sk") || hasEnding(before, "rk") || hasEnding(before, "whsec") || hasEnding(before, "_secret")
}

// endsWithKey says whether a name of something secret is at the end of the text, in quotes or brackets perhaps. It is
// also what precedes the = of PostgreSQL's `Key (email)=`.
func endsWithKey(s string) bool {
	end := len(s)
	for end > 0 && strings.IndexByte("\\\"') \t\n]", s[end-1]) >= 0 {
		end--
	}
	if end < len(s) && s[len(s)-1] == ')' {
		return true
	}
	start := end
	for start > 0 && kinds[s[start-1]]&(digit|lower|upper|joint) != 0 {
		start--
	}
	const shortestName = 3
	return end-start >= shortestName && (Key(s[start:end]) || isHeader(s[start:end]))
}

func isHeader(name string) bool {
	return strings.EqualFold(name, "idempotency-key")
}

// hasEnding is HasSuffix for a lower-case ending, whatever the case of the text.
func hasEnding(s, ending string) bool {
	if len(s) < len(ending) {
		return false
	}
	s = s[len(s)-len(ending):]
	for i := range len(ending) {
		if toLower(s[i]) != ending[i] {
			return false
		}
	}
	return true
}
