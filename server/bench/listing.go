package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/server/market"
)

// listing compares a small and a large catalogue, as a client meets them when nothing of what it asks for is cached: two
// real servers, each on its own.
type listing struct {
	server    string // path of the program
	products  int
	questions int
}

const (
	smallCatalogue = 1000
	// Each question is asked so many times, in rounds between which the others are asked.
	rounds = 3
)

func (l *listing) run(ctx context.Context, a *aims) error {
	for _, system := range systems() {
		if err := l.measure(ctx, a, system); err != nil {
			return fmt.Errorf("measure lists on %s: %w", system, err)
		}
	}
	return nil
}

func (l *listing) measure(ctx context.Context, a *aims, system string) (err error) {
	small, err := l.open(ctx, system, smallCatalogue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.close()) }()
	large, err := l.open(ctx, system, l.products)
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
			way.judge(a, system, float64(p95[1])/float64(p95[0])),
		})
	}
	table(fmt.Sprintf("%s, %d and %d products, over HTTP, nothing cached", system, smallCatalogue, l.products),
		[]string{"", "p50 small", "p50 large", "p95 small", "p95 large", "ratio of p95"}, rows)
	return nil
}

// compare asks both catalogues in turn and returns the times of all answers of each.
func (l *listing) compare(ctx context.Context, w way, small, large *shelf) (few, many []time.Duration, err error) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same questions every time
	questions := make([][2]string, l.questions)
	for i := range questions {
		questions[i] = [2]string{w.ask(random, small), w.ask(random, large)}
	}
	sides := [2]*shelf{small, large}
	var times [2][]time.Duration
	for range rounds {
		for _, pair := range questions {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			for side, question := range pair {
				_, took, err := sides[side].get(question)
				if err != nil {
					return nil, nil, err
				}
				times[side] = append(times[side], took)
			}
		}
	}
	return times[0], times[1], nil
}

// way is a way to look at a catalogue: it makes paths and queries, each for something else.
type way struct {
	name string
	ask  func(random *rand.Rand, s *shelf) string
	// uneven says that a large catalogue may take longer: docs/decisions/lists-and-search.md tells why.
	uneven bool
}

// listingAim is what p95 of the large catalogue may be of the small one's.
const listingAim = 1.5

func (w way) judge(a *aims, system string, ratio float64) string {
	if w.uneven {
		return fmt.Sprintf("%.2f (no aim)", ratio)
	}
	return a.atMost(w.name+" on "+system, ratio, listingAim, "")
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

func anyOrder(random *rand.Rand) string {
	return "/products?sort=" + string(pick(random, market.ProductSorts()))
}

// ways are what is measured. Where nothing else is said, the order is any.
func ways() []way {
	return []way{
		{name: "first page", ask: func(r *rand.Rand, _ *shelf) string { return anyOrder(r) }},
		{name: "a page from all over the list, by cursor", ask: func(r *rand.Rand, s *shelf) string { return "/products?cursor=" + pick(r, s.cursors) }},
		{name: "first page of a category", ask: func(r *rand.Rand, _ *shelf) string {
			return anyOrder(r) + "&category=" + string(pick(r, market.Categories()))
		}},
		{name: "first page of a farm", ask: func(r *rand.Rand, s *shelf) string { return anyOrder(r) + "&farm=" + farmID(r.IntN(s.of.farms())) }},
		{name: "search, a common word (1 in 3)", ask: func(r *rand.Rand, _ *shelf) string { return anyOrder(r) + "&q=" + commonWord }},
		{name: "search, a rare word (10 in all)", ask: func(r *rand.Rand, _ *shelf) string { return anyOrder(r) + "&q=" + rareWord(r.IntN(rareWords)) }},
		{name: "search, the first two letters of a rare word", ask: func(r *rand.Rand, _ *shelf) string {
			return anyOrder(r) + "&q=" + rareWord(r.IntN(rareWords))[:2]
		}},
		{name: "search, a word in between (1 in 80)", ask: func(r *rand.Rand, _ *shelf) string { return anyOrder(r) + "&q=" + pick(r, goods) }, uneven: true},
		{name: "search, the first word of names (1 in 40), by name", ask: func(r *rand.Rand, _ *shelf) string {
			return "/products?sort=name&q=" + pick(r, qualities)
		}, uneven: true},
		{name: "one product by its id", ask: func(r *rand.Rand, s *shelf) string { return "/products/" + productID(r.IntN(s.of.products)) }},
	}
}

// shelf is a catalogue that is measured.
type shelf struct {
	measured

	client  fasthttp.Client // it costs little of the cores that it shares with the server
	of      *generated
	cursors []string // from all over it, by name
}

func (l *listing) open(ctx context.Context, system string, products int) (s *shelf, err error) {
	s = &shelf{of: generate(products)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.db, err = create(ctx, system); err != nil {
		return s, err
	}
	if err := fill(ctx, s.db.url, products); err != nil {
		return s, err
	}
	if s.collector, err = startCollector(ctx); err != nil {
		return s, err
	}
	// The smallest cache that there can be: no answer fits.
	if s.server, err = startServer(ctx, l.server, s.db.url, s.collector, "CACHE_SIZE=1024"); err != nil {
		return s, err
	}
	if err := s.mustHaveAllOn(ctx); err != nil {
		return s, err
	}
	err = s.findCursors(ctx)
	return s, err
}

// get asks, and returns how long the answer took.
func (s *shelf) get(question string) (body []byte, took time.Duration, err error) {
	start := time.Now()
	status, body, err := s.client.Get(nil, s.server.url+"/api/v1"+question)
	took = time.Since(start)
	if err == nil && status != fasthttp.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", question, status, body)
	}
	return body, took, err
}

// findCursors follows the list to its middle, and keeps some of the cursors it passes.
func (s *shelf) findCursors(ctx context.Context) error {
	const kept = 100
	var page struct {
		Pagination struct {
			Next string `json:"next"`
		} `json:"pagination"`
	}
	pages := max(1, s.of.products/2/market.MaxLimit)
	for n := range pages {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		body, _, err := s.get(fmt.Sprintf("/products?limit=%d&cursor=%s", market.MaxLimit, page.Pagination.Next))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		if n%max(1, pages/kept) == 0 {
			s.cursors = append(s.cursors, page.Pagination.Next)
		}
	}
	return nil
}
