package api

import (
	"errors"
	"maps"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// errNotUTF8 says what is wrong with a body.
var errNotUTF8 = errors.New("the body is not UTF-8 text, as JSON must be (RFC 8259, 8.1)")

// formats are Huma's, but that a body which is not UTF-8 is refused: encoding/json would put a replacement character for
// each byte that it does not understand.
func formats() map[string]huma.Format {
	all := maps.Clone(huma.DefaultFormats)
	for name, format := range all {
		read := format.Unmarshal
		format.Unmarshal = func(data []byte, v any) error {
			if !utf8.Valid(data) {
				return errNotUTF8
			}
			return read(data, v)
		}
		all[name] = format
	}
	return all
}
