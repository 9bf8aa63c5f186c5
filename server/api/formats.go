package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// What is wrong with a body that encoding/json would read, with a replacement character for each thing that it does not
// understand.
var (
	errNotUTF8  = errors.New("the body is not UTF-8 text, as JSON must be (RFC 8259, 8.1)")
	errHalfPair = errors.New(`the body has a \u escape that is half of a surrogate pair, and so no character (RFC 8259, 8.2)`)
)

// formats are Huma's, but that they refuse bodies which they would read as something else than was sent, and say what is
// wrong without the names of Go.
func formats() map[string]huma.Format {
	all := maps.Clone(huma.DefaultFormats)
	for name, format := range all {
		read := format.Unmarshal
		format.Unmarshal = func(data []byte, v any) error {
			switch {
			case !utf8.Valid(data):
				return errNotUTF8
			case hasHalfPair(data):
				return errHalfPair
			}
			return inPlainWords(read(data, v))
		}
		all[name] = format
	}
	return all
}

// hasHalfPair finds \u escapes of surrogates that do not come as a pair. In JSON a backslash is nowhere but in strings.
func hasHalfPair(data []byte) bool {
	const escape, pair = 6, 12 // bytes
	for at := bytes.IndexByte(data, '\\'); at >= 0; at = bytes.IndexByte(data, '\\') {
		data = data[at:]
		first, escaped := unicodeEscape(data)
		switch {
		case !escaped:
			data = data[min(len(`\n`), len(data)):]
		case !utf16.IsSurrogate(first):
			data = data[escape:]
		default:
			second, _ := unicodeEscape(data[escape:])
			if utf16.DecodeRune(first, second) == unicode.ReplacementChar {
				return true
			}
			data = data[pair:]
		}
	}
	return false
}

// unicodeEscape reads the \uXXXX that the data begin with.
func unicodeEscape(data []byte) (unit rune, ok bool) {
	const prefix, length = `\u`, 6
	if len(data) < length || !bytes.HasPrefix(data, []byte(prefix)) {
		return 0, false
	}
	value, err := strconv.ParseUint(string(data[len(prefix):length]), 16, 16)
	return rune(value), err == nil
}

// inPlainWords says without the names of Go what a valid body can have that its operation cannot take: a number that is
// whole by the schema, and is written like a fraction or has too many digits.
func inPlainWords(err error) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	path := slices.DeleteFunc(strings.Split(mismatch.Field, "."), func(name string) bool {
		return strings.ToLower(name) != name // a struct that another embeds
	})
	return fmt.Errorf("%s must be a whole number of at most 64 bits, written in digits alone: 100, not 1e2 or 100.0; got the %s",
		strings.Join(path, "."), mismatch.Value)
}
