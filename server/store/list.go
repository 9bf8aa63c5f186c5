package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
)

// orders are the columns of each order. They end with the id, so that no two rows are equal, and are the columns of an
// index, read from its start or its end.
var orders = map[market.Sort][]string{
	market.SortName:      {"sort_name ASC", "id ASC"},
	market.SortNameDesc:  {"sort_name DESC", "id DESC"},
	market.SortPrice:     {"price_amount ASC", "id ASC"},
	market.SortPriceDesc: {"price_amount DESC", "id DESC"},
	market.SortNewest:    {"created_at DESC", "id DESC"},
}

// list is a query for rows of one table.
type list struct {
	paging market.Paging
	sort   market.Sort
	filter func(*bun.SelectQuery) *bun.SelectQuery
}

// scan reads the page into rows, a pointer to a slice of row, and returns how many rows there are on all pages. The
// columns add to those of the model.
func scan[Row any](ctx context.Context, db bun.IDB, wanted list, rows *[]Row, columns ...string) (total int, err error) {
	query := db.NewSelect().Model(rows).ExcludeColumn("sort_name", "search_text").Apply(wanted.filter).
		Order(orders[wanted.sort]...).Limit(int64(wanted.paging.Limit)).Offset(int64(wanted.paging.Offset()))
	for _, column := range columns {
		query = query.ColumnExpr(column)
	}
	return fetch(ctx, query, db.NewSelect().Model((*Row)(nil)).Apply(wanted.filter), wanted.paging, rows)
}

// fetch reads the page that query picks into its model, rows, and returns how many rows all picks.
func fetch[Row any](ctx context.Context, query, all *bun.SelectQuery, paging market.Paging, rows *[]Row) (total int, err error) {
	if err := query.Scan(ctx); err != nil {
		return 0, err
	}
	offset, found := paging.Offset(), len(*rows)
	// A page that is not full is the last one: nothing needs to be counted.
	if found < paging.Limit && (found > 0 || offset == 0) {
		return offset + found, nil
	}
	count, err := all.Count(ctx)
	return int(count), err
}
