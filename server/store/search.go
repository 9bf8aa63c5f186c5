package store

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// Where the words are common, the page is found among the next rows of the list: so many are looked at before the index
// of texts is asked. It costs as much in a small catalogue as in a large one.
const (
	nearRows    = 300 // all of them, which are counted
	nearPerItem = 15
	farRows     = 8000 // until the page is full: as long as sorting all that the index finds would take longer
)

// search reads the page of the rows that contain all words of text.
//
// A database that has both an index of the order and one of the texts has to guess which of them to walk, and a wrong
// guess reads the whole table: how often a pattern matches, and where in the order, it does not know. So it is told. A
// common word's page is near, or not far; what is not is rare, and the index of texts knows where all of it is.
func (l list[Row]) search(ctx context.Context, db bun.IDB, in texts, text string, rows *[]Row) (market.Extent, error) {
	words := strings.Fields(fold(text))
	if len(words) == 0 {
		return l.scan(ctx, db, rows)
	}
	few, err := in.few(ctx, db, words)
	if err != nil {
		return market.Extent{}, err
	}
	if few != nil {
		filter := l.filter
		l.filter = func(q *bun.SelectQuery) *bun.SelectQuery { return q.Apply(filter).Apply(few).Apply(containAll(words)) }
		return l.scan(ctx, db, rows)
	}
	found, err := l.findNear(ctx, db, words)
	whole := found.seen < l.nearRows()
	full := whole || len(found.ids) > l.paging.Limit
	// What is near is a sample of what is far. A word of which there is next to none is rare, or elsewhere in this order.
	if err == nil && !full && found.matches*farRows > found.seen*(l.paging.Offset()+l.paging.Limit) {
		found, err = l.findFar(ctx, db, words)
		full = len(found.ids) > l.paging.Limit
	}
	if err == nil && !full {
		found, err = l.findAll(ctx, db, in, words)
		whole = true
	}
	if err == nil {
		err = l.read(ctx, db, found, rows)
	}
	if err != nil {
		return market.Extent{}, err
	}
	return l.extent(rows, func() (int, bool, error) { return found.matches, !whole, nil })
}

// nearRows is how many of the next rows are looked at.
func (l list[Row]) nearRows() int { return max(nearRows, nearPerItem*l.paging.Limit) }

// finding is the page of a search.
type finding struct {
	ids     []string // in any order; one more than the page has, where there is a next one
	matches int      // in what was looked at
	seen    int      // rows that were near
}

// findNear looks for the page among the next rows of the list.
func (l list[Row]) findNear(ctx context.Context, db bun.IDB, words []string) (finding, error) {
	near, err := l.order.apply(db.NewSelect().Model((*Row)(nil)).Column("id", l.order.column, "search_text").Apply(l.filter), l.paging.After)
	if err != nil {
		return finding{}, err
	}
	return l.find(ctx, db, near.Limit(int64(l.nearRows())),
		db.NewSelect().TableExpr("near").Column("id", l.order.column).Apply(containAll(words)))
}

// findFar looks for the page among more of the next rows, and no further than the page needs. The rows come in the order of
// the list, because nothing stands between it and the limit.
func (l list[Row]) findFar(ctx context.Context, db bun.IDB, words []string) (finding, error) {
	var found finding
	far, err := l.order.apply(db.NewSelect().Model((*Row)(nil)).Column("id", "search_text").Apply(l.filter), l.paging.After)
	if err != nil {
		return found, err
	}
	err = db.NewSelect().TableExpr("(?) AS far", far.Limit(farRows)).Column("id").Apply(containAll(words)).
		Limit(int64(l.paging.Limit+1)).Offset(int64(l.paging.Offset())).Scan(ctx, &found.ids)
	found.matches = l.paging.Before() + len(found.ids)
	return found, err
}

// findAll looks for the page among all matches.
func (l list[Row]) findAll(ctx context.Context, db bun.IDB, in texts, words []string) (finding, error) {
	return l.find(ctx, db, db.NewSelect().ColumnExpr("1").Where("1 = 0"),
		db.NewSelect().Model((*Row)(nil)).Column("id", l.order.column).Apply(l.filter).Apply(containAll(words)).Apply(in.have(words)))
}

// find returns the page of the matches, which may be among those that are near. The database is told not to look for the
// matches twice, nor to mix what it is to do one after the other.
func (l list[Row]) find(ctx context.Context, db bun.IDB, near, matches *bun.SelectQuery) (finding, error) {
	const query = "WITH near AS MATERIALIZED (?), found AS MATERIALIZED (?), page AS MATERIALIZED (?) " +
		"SELECT (SELECT count(*) FROM found) AS matches, (SELECT count(*) FROM near) AS seen, page.id " +
		"FROM (SELECT 1 AS one) AS always LEFT JOIN page ON true"
	page, err := l.order.apply(db.NewSelect().TableExpr("found").Column("id"), l.paging.After)
	if err != nil {
		return finding{}, err
	}
	page = page.Limit(int64(l.paging.Limit + 1)).Offset(int64(l.paging.Offset()))
	var rows []struct {
		Matches int
		Seen    int
		ID      string `bun:",nullzero"`
	}
	if err := db.NewRaw(query, near, matches, page).Scan(ctx, &rows); err != nil {
		return finding{}, err
	}
	result := finding{matches: rows[0].Matches, seen: rows[0].Seen}
	for _, row := range rows {
		if row.ID != "" {
			result.ids = append(result.ids, row.ID)
		}
	}
	return result, nil
}

// read reads the rows that were found.
func (l list[Row]) read(ctx context.Context, db bun.IDB, found finding, rows *[]Row) error {
	if len(found.ids) == 0 {
		return nil
	}
	query := db.NewSelect().Model(rows).Where("id IN (?)", bun.List(found.ids))
	if l.columns != nil {
		query = query.Apply(l.columns)
	}
	query, err := l.order.apply(query, market.Position{})
	if err != nil {
		return err
	}
	return query.Scan(ctx)
}
