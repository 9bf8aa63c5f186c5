// Package redact takes secrets and personal data out of text before it is recorded. It knows them by the names that they
// stand under and by what they look like: it cannot know a secret that looks like a word and stands under no name.
package redact

import (
	"net/url"
	"strings"
)

// Mark stands where something was taken out.
const Mark = "REDACTED"

// secretWords are in the names of what is secret or personal, whatever it looks like.
var secretWords = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key",
	"private_key", "privatekey", "auth_key", "authorization", "cookie", "credential", "signature", "jwt", "email", "e-mail", "phone",
}

// privateWords are in the names of query parameters and fields that hold what a person typed, besides the secretWords.
var privateWords = []string{"key", "sig", "code", "auth", "name", "address", "street", "birth"}

// freeText are query parameters in which a person searches: for a person, perhaps.
var freeText = map[string]bool{"q": true, "query": true, "search": true}

// Key reports whether a value is secret or personal because of the name that it stands under: a log field, an attribute,
// a field of JSON.
func Key(name string) bool {
	const longest = 64 // names are short; the end of a long one is enough
	if len(name) > longest {
		name = name[len(name)-longest:]
	}
	var lower [longest]byte
	for i := range len(name) {
		lower[i] = toLower(name[i])
	}
	return containsAny(string(lower[:len(name)]), secretWords)
}

// Parameter is Key for what a client sends: query parameters and the fields of its body. There, names are personal too.
func Parameter(name string) bool {
	name = strings.ToLower(name)
	return freeText[name] || containsAny(name, secretWords) || containsAny(name, privateWords)
}

// Query takes the values out of a URL's query whose names, or whose looks, give them away.
func Query(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, assigned := strings.Cut(pair, "=")
		switch {
		case !assigned:
			pairs[i] = escaped(pair)
		case Parameter(unescape(name)):
			pairs[i] = escaped(name) + "=" + Mark
		default:
			pairs[i] = escaped(name) + "=" + escaped(value)
		}
	}
	return strings.Join(pairs, "&")
}

// Path takes out of a URL's path what looks secret or personal.
func Path(path string) string {
	if !strings.Contains(path, "%") {
		return String(path)
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = escaped(segment)
	}
	return String(strings.Join(segments, "/"))
}

// escaped is String for what may be percent-encoded. Text in which something is found only when it is decoded goes
// altogether.
func escaped(text string) string {
	if plain := unescape(text); plain != text && String(plain) != plain {
		return Mark
	}
	return String(text)
}

func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
