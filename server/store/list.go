package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// order is what a list is ordered by: a column and then the id, so that no two rows are equal. They are columns of an
// index, which is read from its start or its end.
type order struct {
	column     string
	id         string // the column of the id
	descending bool
	value      func(key string) (any, error) // of the column, for market.Position.Key
}

// The orders of lists.
var (
	byName = order{column: "sort_name", id: "id", value: text}
	newest = order{column: "created_at", id: "id", descending: true, value: moment}
	orders = map[market.Sort]order{
		market.SortName:      byName,
		market.SortNameDesc:  {column: "sort_name", id: "id", descending: true, value: text},
		market.SortPrice:     {column: "price_amount", id: "id", value: amount},
		market.SortPriceDesc: {column: "price_amount", id: "id", descending: true, value: amount},
		market.SortNewest:    newest,
	}
)

func text(key string) (any, error) { return key, nil }

func amount(key string) (any, error) {
	value, err := strconv.ParseInt(key, 10, 64)
	return value, invalidCursor(err)
}

func moment(key string) (any, error) {
	value, err := time.Parse(time.RFC3339Nano, key)
	value = value.UTC()
	if year := value.Year(); err == nil && (year < 1 || year > 9999) { // PostgreSQL has no year 0
		err = fmt.Errorf("year %d", year)
	}
	return value, invalidCursor(err)
}

// invalidCursor says that a cursor has a key that no row of the list can have.
func invalidCursor(err error) error {
	if err != nil {
		return &market.InvalidError{Field: "cursor", Rule: "be pagination.next of an answer, unaltered"}
	}
	return nil
}

// apply makes the query give the rows in this order, from after a position on.
func (o order) apply(q *bun.SelectQuery, after market.Position) (*bun.SelectQuery, error) {
	direction, beyond := "ASC", ">"
	if o.descending {
		direction, beyond = "DESC", "<"
	}
	q = q.OrderExpr(o.column + " " + direction).OrderExpr(o.id + " " + direction)
	if after.Zero() {
		return q, nil
	}
	value, err := o.value(after.Key)
	return q.Where("("+o.column+", "+o.id+") "+beyond+" (?, ?)", value, after.ID), err
}

// entry is a row of a list.
type entry interface {
	// place returns the row's id, and its value in the column that the list is ordered by, as market.Position has it.
	place(column string) (id, key string)
}

// list is a query for a page of the rows of one table.
type list[Row entry] struct {
	paging  market.Paging
	order   order
	filter  func(*bun.SelectQuery) *bun.SelectQuery
	columns func(*bun.SelectQuery) *bun.SelectQuery // nil: those of the row
}

// scan reads the page into rows, a pointer to a slice of row, and returns how long the list is.
func (l list[Row]) scan(ctx context.Context, db bun.IDB, rows *[]Row) (market.Extent, error) {
	query := db.NewSelect().Model(rows).Apply(l.filter)
	if l.columns != nil {
		query = query.Apply(l.columns)
	}
	query, err := l.order.apply(query, l.paging.After)
	if err != nil {
		return market.Extent{}, err
	}
	// One row more tells whether there is a next page.
	err = query.Limit(int64(l.paging.Limit + 1)).Offset(int64(l.paging.Offset())).Scan(ctx)
	if err != nil {
		return market.Extent{}, err
	}
	return l.extent(rows, func() (total int, atLeast bool, err error) {
		counted := db.NewSelect().Model((*Row)(nil)).Apply(l.filter).ColumnExpr("1").Limit(market.MaxCount + 1)
		err = db.NewSelect().TableExpr("(?) AS counted", counted).ColumnExpr("count(*)").Scan(ctx, &total)
		if total > market.MaxCount {
			return max(market.MaxCount, l.paging.Before()+len(*rows)), true, err
		}
		return total, false, err
	})
}

// extent takes the row that is too many from the rows, and returns how long the list is and where the page ends. It
// counts where nothing else tells: not on the last page, and not behind a cursor, which knows what was counted before.
func (l list[Row]) extent(rows *[]Row, count func() (total int, atLeast bool, err error)) (market.Extent, error) {
	var extent market.Extent
	var err error
	before, after := l.paging.Before(), l.paging.After
	last := len(*rows) <= l.paging.Limit
	if !last {
		*rows = (*rows)[:l.paging.Limit]
	}
	seen := before + len(*rows)
	switch {
	case last && (len(*rows) > 0 || before == 0 || !after.Zero()):
		extent.Total = seen
	case !after.Zero():
		extent.Total, extent.AtLeast = max(after.Total, seen), after.AtLeast || seen >= after.Total
	default:
		extent.Total, extent.AtLeast, err = count()
	}
	if !last {
		id, key := (*rows)[len(*rows)-1].place(l.order.column)
		extent.End = market.Position{ID: id, Key: key, Before: seen, Total: extent.Total, AtLeast: extent.AtLeast}
	}
	return extent, err
}

// writeMoment writes a time as market.Position.Key has it.
func writeMoment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
