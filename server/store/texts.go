package store

import (
	"context"
	"slices"
	"strings"

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

// containAll picks the texts that contain all the words.
func containAll(words []string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, word := range words {
			q = q.Where("search_text LIKE ? ESCAPE ?", containing(word), likeEscape)
		}
		return q
	}
}

// have makes SQLite ask the index for the texts that have the words, and maybe for some others.
func (t texts) have(words []string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		parts := trigrams(words)
		if q.Dialect().Name() == dialect.PG || len(parts) == 0 {
			return q
		}
		return q.Where("id IN (SELECT n.? FROM ? AS t CROSS JOIN ? AS n ON n.number = t.rowid WHERE t.? MATCH ?)",
			bun.Ident(t.id), bun.Ident(t.index), bun.Ident(t.numbers), bun.Ident(t.index), strings.Join(parts, " "))
	}
}

// fewTexts are so few that they are all read, and sorted.
const fewTexts = 200

// few returns a filter for the texts that have the words where these are few, and where that is cheap to know: SQLite
// stops when it has seen enough, PostgreSQL reads its index to the end before it gives the first row. It is nil otherwise.
func (t texts) few(ctx context.Context, db bun.IDB, words []string) (func(*bun.SelectQuery) *bun.SelectQuery, error) {
	parts := trigrams(words)
	if db.Dialect().Name() == dialect.PG || len(parts) == 0 {
		return nil, nil //nolint:nilnil // there is no filter, which is no error
	}
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

// trigrams returns three-character parts that make up the words, as FTS5 has them in an expression; none where all words
// are shorter, which an index of trigrams cannot find. What overlaps is left out: each part costs the reading of a list, and
// the texts are compared with the whole words in the end.
func trigrams(words []string) []string {
	const size = 3
	var parts []string
	for _, word := range words {
		for runes := []rune(word); len(runes) >= size; runes = runes[size:] {
			part := runes[:size]
			parts = append(parts, `"`+strings.ReplaceAll(string(part), `"`, `""`)+`"`)
			if rest := len(runes) - size; rest > 0 && rest < size {
				parts = append(parts, `"`+strings.ReplaceAll(string(runes[rest:]), `"`, `""`)+`"`)
			}
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}
