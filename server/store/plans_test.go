package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// statements keeps the statements that the store sends.
type statements struct {
	mu   sync.Mutex
	sent []string
}

func (s *statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *statements) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, event.Query)
}

// take returns the statements since the last take.
func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// fill gives the store enough products that scanning them is not the cheapest plan.
func fill(t *testing.T, s *store.Store, products int) {
	t.Helper()
	const farms = 50
	var sellers []market.Farm
	for n := range farms {
		sellers = append(sellers, farm(n, fmt.Sprintf("Farm %d", n*7919%farms), "On the hill."))
		sellers[n].CreatedAt = day(1).Add(time.Duration(n) * time.Hour)
	}
	var stock []market.Product
	categories := market.Categories()
	for n := range products {
		item := product(n, sellers[n%farms], fmt.Sprintf("Product %d", n*7919%products), categories[n%len(categories)], int64(100+n*31%5000))
		item.CreatedAt = day(1).Add(time.Duration(n) * time.Minute)
		stock = append(stock, item)
	}
	for some := range slices.Chunk(stock, 200) {
		_, err := s.SaveCatalogue(t.Context(), sellers, some)
		require.NoError(t, err)
	}
	_, err := s.DB().ExecContext(t.Context(), "ANALYZE")
	require.NoError(t, err)
}

func TestListsWalkAnIndexAndNeverSort(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s, 2000)
		sent := &statements{}
		s.Observe(sent)
		for name, filter := range map[string]market.ProductQuery{
			"all": {}, "of a category": {Category: market.Dairy}, "of a farm": {FarmID: id(7)},
			"what visitors see": {Listed: true}, "what visitors see of a category": {Listed: true, Category: market.Dairy},
		} {
			for _, sort := range market.ProductSorts() {
				t.Run(name+" by "+string(sort), func(t *testing.T) {
					filter.Paging, filter.Sort = market.Paging{Page: 1, Limit: 20}, sort
					_, err := s.Products(t.Context(), filter)
					require.NoError(t, err)
					requireIndexWalk(t, s, sent.take()[0])
				})
			}
		}
	})
}

func TestCountsOfAFilterUseItsIndex(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s, 2000)
		sent := &statements{}
		s.Observe(sent)
		for index, filter := range map[string]market.ProductQuery{
			"products_of_category_": {Listed: true, Category: market.Dairy}, "products_of_farm_by_": {Listed: true, FarmID: id(7)},
		} {
			t.Run(index, func(t *testing.T) {
				filter.Paging, filter.Sort = market.Paging{Page: 1, Limit: 20}, market.SortName
				_, err := s.Products(t.Context(), filter)
				require.NoError(t, err)
				queries := sent.take()
				require.Len(t, queries, 2)
				require.Contains(t, explain(t, s, queries[1]), index)
			})
		}
	})
}

func TestALastPageIsNotCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		stock(t, s)
		sent := &statements{}
		s.Observe(sent)
		page, err := s.Products(t.Context(), market.ProductQuery{Paging: market.Paging{Page: 2, Limit: 4}, Sort: market.SortName})
		require.NoError(t, err)
		require.Equal(t, 6, page.Total)
		require.Len(t, sent.take(), 1)
	})
}

func requireIndexWalk(t *testing.T, s *store.Store, query string) {
	t.Helper()
	plan := explain(t, s, query)
	require.Regexp(t, `(?i)using (covering )?index products_|index scan (backward )?using products_`, plan, query)
	// SQLite: TEMP B-TREE FOR ORDER BY. PostgreSQL: Sort.
	require.NotContains(t, plan, "TEMP B-TREE", query)
	require.NotContains(t, plan, "Sort", query)
}

func explain(t *testing.T, s *store.Store, query string) string {
	t.Helper()
	prefix := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[s.System()]
	rows, err := s.DB().DB.QueryContext(t.Context(), prefix+query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(t, rows.Scan(targets...))
		fmt.Fprintln(&plan, values[len(values)-1])
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
