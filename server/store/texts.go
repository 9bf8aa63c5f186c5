package store

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// texts is the index of the texts of a table, which finds them by the trigrams in them. PostgreSQL keeps and uses it by
// itself. SQLite has it as a table: migrations has the triggers that keep it.
type texts struct {
	numbers, id string // the table of the rows' numbers, and its column with the row's id
	index       string
}

var (
	productTexts = texts{numbers: "product_numbers", id: "product_id", index: "product_texts"}
	farmTexts    = texts{numbers: "farm_numbers", id: "farm_id", index: "farm_texts"}
)

// trigram is how many characters the indexes of texts know together. Shorter words they know by how they begin.
const trigram = 3

// searchable returns the text that something is found by, in which the index knows where words begin: they stand behind two
// blanks each, so that "  g" and " go" are trigrams. Behind the words stand those beginnings that are not at a blank.
func searchable(parts ...string) string {
	var text, inside strings.Builder
	for word := range strings.FieldsSeq(fold(strings.Join(parts, " "))) {
		text.WriteString("  " + word)
		runes := []rune(word)
		for i := 1; i < len(runes); i++ {
			if begins(runes[i-1], runes[i]) {
				inside.WriteString("  " + string(runes[i:min(i+trigram-1, len(runes))]))
			}
		}
	}
	return text.String() + inside.String()
}

// begins reports whether a word begins with the character within what stands between blanks: behind a sign, as in
// free-range, and everywhere in scripts that are written without blanks.
func begins(before, r rune) bool { return unspaced(r) || isSign(before) && !isSign(r) }

// unspaced reports whether the character is one of Thai, Lao, Burmese or Khmer, of the scripts of East Asia, or a picture.
func unspaced(r rune) bool {
	const thai, georgian, khmer, eastAsian = 0x0e00, 0x10a0, 0x1780, 0x2e80
	return r >= thai && r < 0x0f00 || r >= 0x1000 && r < georgian || r >= khmer && r < 0x1800 || r >= eastAsian
}

// isSign reports whether the character, folded, is neither a letter nor a digit.
func isSign(r rune) bool {
	const letters, punctuation, glagolitic = 0xc0, 0x2000, 0x2c00
	return r < letters && (r < '0' || r > '9') && (r < 'a' || r > 'z') || r >= punctuation && r < glagolitic
}

// likeEscape is the character before a wildcard that stands for itself. It is not the backslash, whose meaning in a
// PostgreSQL string depends on a setting.
const likeEscape = "!"

// having returns the LIKE pattern for texts that have the word somewhere, or one that begins with it where it is short.
func having(word string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(beginning(word)) + "%"
}

// beginning puts blanks before a word that is shorter than a trigram, so that it is one.
func beginning(word string) string {
	return strings.Repeat(" ", max(0, trigram-utf8.RuneCountInString(word))) + word
}

// containAll picks the texts that have all the words.
func containAll(words []string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, word := range words {
			q = q.Where("search_text LIKE ? ESCAPE ?", having(word), likeEscape)
		}
		return q
	}
}

// have makes SQLite ask the index for the texts that have the words, and maybe for some others.
func (t texts) have(words []string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if q.Dialect().Name() == dialect.PG {
			return q
		}
		return q.Where("id IN (SELECT n.? FROM ? AS t CROSS JOIN ? AS n ON n.number = t.rowid WHERE t.? MATCH ?)",
			bun.Ident(t.id), bun.Ident(t.index), bun.Ident(t.numbers), bun.Ident(t.index), strings.Join(trigrams(words), " "))
	}
}

// fewTexts are so few that they are all read, and sorted.
const fewTexts = 200

// few returns a filter for the texts that have the words where these are few, and where that is cheap to know: SQLite
// stops when it has seen enough, PostgreSQL reads its index to the end before it gives the first row. It is nil otherwise.
func (t texts) few(ctx context.Context, db bun.IDB, words []string) (func(*bun.SelectQuery) *bun.SelectQuery, error) {
	if db.Dialect().Name() == dialect.PG {
		return nil, nil //nolint:nilnil // there is no filter, which is no error
	}
	parts := trigrams(words)
	// A part that few texts have decides alone. To ask for all parts at once takes as long as the most common one has texts.
	for _, expression := range append(parts, strings.Join(parts, " ")) {
		var numbers []int64
		err := db.NewSelect().TableExpr("? AS t", bun.Ident(t.index)).Column("t.rowid").
			Where("t.? MATCH ?", bun.Ident(t.index), expression).Limit(fewTexts+1).Scan(ctx, &numbers)
		if err != nil {
			return nil, err
		}
		if len(numbers) <= fewTexts {
			return func(q *bun.SelectQuery) *bun.SelectQuery {
				return q.Where("id IN (SELECT n.? FROM ? AS n WHERE n.number IN (?))", bun.Ident(t.id), bun.Ident(t.numbers), bun.List(numbers))
			}, nil
		}
	}
	return nil, nil //nolint:nilnil // as above
}

// trigrams returns three-character parts that make up the words, as FTS5 has them in an expression. What overlaps is left
// out: each part costs the reading of a list, and the texts are compared with the whole words in the end.
func trigrams(words []string) []string {
	var parts []string
	for _, word := range words {
		for runes := []rune(beginning(word)); len(runes) >= trigram; runes = runes[trigram:] {
			part := runes[:trigram]
			parts = append(parts, `"`+strings.ReplaceAll(string(part), `"`, `""`)+`"`)
			if rest := len(runes) - trigram; rest > 0 && rest < trigram {
				parts = append(parts, `"`+strings.ReplaceAll(string(runes[rest:]), `"`, `""`)+`"`)
			}
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}
