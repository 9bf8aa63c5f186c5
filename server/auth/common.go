package auth

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

//go:embed common.txt
var commonList string

// commonPasswords is the list, read when the first password is chosen.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(commonList) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			all[line] = true
		}
	}
	return all
})

// padding is how many digits and signs around a common password do not make it a good one.
const padding = 6

// disguises are the characters that letters are commonly replaced with.
var disguises = strings.NewReplacer("@", "a", "4", "a", "8", "b", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")

// isCommon reports whether the password is among the first that an attacker tries: one of the list, in whatever case,
// written several times, with a few digits and signs around it, or with letters replaced by what looks like them.
func isCommon(password string) bool {
	whole := strings.ToLower(password)
	core := strings.TrimFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) })
	candidates := []string{whole}
	if len(whole)-len(core) <= padding {
		candidates = append(candidates, core)
	}
	common := commonPasswords()
	for _, candidate := range candidates {
		for _, written := range []string{candidate, disguises.Replace(candidate)} {
			if common[written] || common[repeated(written)] {
				return true
			}
		}
	}
	return false
}

// repeated returns the part that the text is made of by repetition; the text itself when there is none.
func repeated(text string) string {
	at := strings.Index((text + text)[min(1, len(text)):], text)
	if at < 0 {
		return text
	}
	return text[:at+1]
}

// isSequence reports whether all but a few characters follow each other in the alphabet, or in the row of digits, in
// either direction.
func isSequence(password string) bool {
	const few = 3
	breaks, before := 0, rune(-1)
	for _, r := range strings.ToLower(password) {
		step := r - before
		wraps := before == '9' && r == '0' || before == '0' && r == '9'
		if step != 1 && step != -1 && !wraps {
			breaks++
		}
		before = r
	}
	return breaks <= few
}
