package market

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Position is where a page of a list ends: at an item, of which it has what the list is ordered by. The zero value is the
// start of the list.
type Position struct {
	Key    string // of the item: its name without case and accents, its price, or its time; as the store writes it
	ID     string // of the item
	Before int    // items up to and with this one, as far as is known

	// What was known of the list's length there: the next page need not count it again.
	Total   int
	AtLeast bool
}

// Zero reports whether the position is the start of the list.
func (p Position) Zero() bool { return p.ID == "" }

// A cursor is a Position in one list, as clients get it: two digests and the position, in base64url. It is no secret and
// gives no right; the digests tell a cursor that was cut short or altered from one that belongs to another list. Whoever
// computes them can make one up, so what it says is checked.
const digestBytes = 6

// maxItems bounds the numbers in a cursor: no list is so long.
const maxItems = 1_000_000_000

// cursorSeparator stands between the parts of a position. No part can contain it.
const cursorSeparator = "\x00"

// cursor writes the position for the list that picks describes: its name, and all that decides what is in it and in
// which order.
func (p Position) cursor(picks []string) string {
	if p.Zero() {
		return ""
	}
	position := strings.Join([]string{
		strconv.Itoa(p.Before), strconv.Itoa(p.Total), strconv.FormatBool(p.AtLeast), p.ID, p.Key,
	}, cursorSeparator)
	text := append(digest(position), digest(picks...)...)
	return base64.RawURLEncoding.EncodeToString(append(text, position...))
}

// readCursor fails with ErrInvalid where the cursor is none, or that of another list.
func readCursor(cursor string, picks []string) (Position, error) {
	invalid := func(rule string) (Position, error) {
		return Position{}, &InvalidError{Field: "cursor", Rule: rule} // it says nothing to people
	}
	const unaltered = "be pagination.next of an answer, unaltered"
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) < 2*digestBytes {
		return invalid(unaltered)
	}
	own, list, position := text[:digestBytes], text[digestBytes:2*digestBytes], string(text[2*digestBytes:])
	after, ok := readPosition(position)
	if !ok || !bytes.Equal(own, digest(position)) {
		return invalid(unaltered)
	}
	if !bytes.Equal(list, digest(picks...)) {
		return invalid("be used with the filters and the order of the answer that it came with")
	}
	return after, nil
}

func readPosition(text string) (Position, bool) {
	parts := strings.Split(text, cursorSeparator)
	if len(parts) != 5 { //nolint:mnd // as many as cursor writes
		return Position{}, false
	}
	before, wrongBefore := strconv.Atoi(parts[0])
	total, wrongTotal := strconv.Atoi(parts[1])
	atLeast, wrongAtLeast := strconv.ParseBool(parts[2])
	id, key := parts[3], parts[4]
	ok := errors.Join(wrongBefore, wrongTotal, wrongAtLeast, uuid.Validate(id)) == nil &&
		before > 0 && before <= maxItems && total >= 0 && total <= maxItems && utf8.ValidString(key)
	return Position{Before: before, Total: total, AtLeast: atLeast, ID: id, Key: key}, ok
}

// digest tells lists of texts apart.
func digest(texts ...string) []byte {
	hash := sha256.New()
	for _, text := range texts {
		hash.Write([]byte(strconv.Itoa(len(text)) + ":" + text))
	}
	return hash.Sum(nil)[:digestBytes]
}
