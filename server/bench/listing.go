package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// listing compares a small and a large catalogue, asked as the API asks, without HTTP and without a cache: both would only
// make the sides more alike.
type listing struct {
	products  int
	questions int
}

const (
	smallCatalogue = 1000
	// Each question is asked so many times, in rounds between which the others are asked, and its best time counts: what
	// slows one of them down is the machine's other work.
	rounds = 3
)

func (l *listing) run(ctx context.Context) error {
	for _, system := range systems() {
		if err := l.measure(ctx, system); err != nil {
			return fmt.Errorf("measure lists on %s: %w", system, err)
		}
	}
	return nil
}

func (l *listing) measure(ctx context.Context, system string) (err error) {
	small, err := openShelf(ctx, system, smallCatalogue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.close()) }()
	large, err := openShelf(ctx, system, l.products)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.close()) }()
	var rows [][]string
	for _, way := range ways() {
		say("%s: %s", system, way.name)
		few, many, err := l.compare(ctx, way, small, large)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		p95 := [2]time.Duration{quantile(few, 0.95), quantile(many, 0.95)}
		rows = append(rows, []string{
			way.name, milliseconds(quantile(few, 0.5)), milliseconds(quantile(many, 0.5)), milliseconds(p95[0]), milliseconds(p95[1]),
			ratio(float64(p95[1]), float64(p95[0])),
		})
	}
	table(fmt.Sprintf("%s, %d and %d products", system, smallCatalogue, l.products),
		[]string{"", "p50 small", "p50 large", "p95 small", "p95 large", "ratio of p95"}, rows)
	return nil
}

// compare asks both catalogues in turn and returns the times of each.
func (l *listing) compare(ctx context.Context, w way, small, large *shelf) (few, many []time.Duration, err error) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same questions every time
	questions := make([][2]question, l.questions)
	for i := range questions {
		questions[i] = [2]question{w.ask(random, small), w.ask(random, large)}
	}
	best := [2][]time.Duration{make([]time.Duration, l.questions), make([]time.Duration, l.questions)}
	for range rounds {
		for i, pair := range questions {
			for side, ask := range pair {
				start := time.Now()
				if err := ask(ctx); err != nil {
					return nil, nil, err
				}
				if took := time.Since(start); best[side][i] == 0 || took < best[side][i] {
					best[side][i] = took
				}
			}
		}
	}
	return best[0], best[1], nil
}

// question is asked of one catalogue.
type question func(ctx context.Context) error

// way is a way to look at a catalogue. Each question is for something else.
type way struct {
	name string
	ask  func(random *rand.Rand, s *shelf) question
}

func list(change func(q *market.ProductQuery, random *rand.Rand, s *shelf)) func(*rand.Rand, *shelf) question {
	return func(random *rand.Rand, s *shelf) question {
		query := market.ProductQuery{Paging: market.Paging{Page: 1, Limit: market.DefaultLimit}, Sort: pick(random, market.ProductSorts())}
		change(&query, random, s)
		return func(ctx context.Context) error {
			_, err := s.catalogue.Products(ctx, query)
			return err
		}
	}
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// ways are what is measured. Where nothing else is said, the order is any.
func ways() []way {
	return []way{
		{"first page", list(func(*market.ProductQuery, *rand.Rand, *shelf) {})},
		{"a page from all over the list, by cursor", list(func(q *market.ProductQuery, r *rand.Rand, s *shelf) {
			q.Sort, q.Cursor = market.SortName, pick(r, s.cursors)
		})},
		{"first page of a category", list(func(q *market.ProductQuery, r *rand.Rand, _ *shelf) {
			q.Category = pick(r, market.Categories())
		})},
		{"first page of a farm", list(func(q *market.ProductQuery, r *rand.Rand, s *shelf) {
			q.FarmID = farmID(r.IntN(s.of.farms()))
		})},
		{"search, a common word (1 in 3)", list(func(q *market.ProductQuery, _ *rand.Rand, _ *shelf) { q.Search = commonWord })},
		{"search, a rare word (10 in all)", list(func(q *market.ProductQuery, r *rand.Rand, _ *shelf) { q.Search = rareWord(r.IntN(rareWords)) })},
		{"search, a word in between (1 in 80)", list(func(q *market.ProductQuery, r *rand.Rand, _ *shelf) { q.Search = pick(r, goods) })},
		{"search, the first word of names (1 in 40), by name", list(func(q *market.ProductQuery, r *rand.Rand, _ *shelf) {
			q.Search, q.Sort = pick(r, qualities), market.SortName
		})},
		{"one product by its id", func(r *rand.Rand, s *shelf) question {
			id := productID(r.IntN(s.of.products))
			return func(ctx context.Context) error {
				_, err := s.catalogue.Product(ctx, id)
				return err
			}
		}},
	}
}

// shelf is a catalogue that is measured.
type shelf struct {
	in        database
	store     *store.Store
	catalogue *market.Catalogue
	of        *generated
	cursors   []string // from all over it, by name
}

func openShelf(ctx context.Context, system string, products int) (s *shelf, err error) {
	s = &shelf{of: generate(products)}
	if s.in, err = create(ctx, system); err != nil {
		return nil, err
	}
	if err = fill(ctx, s.in.url, products); err == nil {
		s.store, err = store.Open(ctx, s.in.url, store.Options{})
	}
	if err != nil {
		return nil, errors.Join(err, s.in.drop())
	}
	s.catalogue = market.NewCatalogue(s.store)
	if err = s.findCursors(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shelf) close() error { return errors.Join(s.store.Close(), s.in.drop()) }

// findCursors follows the list to its middle, and keeps some of the cursors it passes.
func (s *shelf) findCursors(ctx context.Context) error {
	const kept = 100
	page := market.Page[market.Product]{}
	pages := max(1, s.of.products/2/market.MaxLimit)
	for n := range pages {
		var err error
		page, err = s.catalogue.Products(ctx, market.ProductQuery{Paging: market.Paging{Page: 1, Limit: market.MaxLimit, Cursor: page.Next}})
		if err != nil {
			return err
		}
		if page.Next != "" && n%max(1, pages/kept) == 0 {
			s.cursors = append(s.cursors, page.Next)
		}
	}
	return nil
}
