package cache_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/telemetry"
)

// A server that another package's test starts ends everything in the database that it uses.
func TestMain(m *testing.M) {
	const database = 9
	if err := redistest.UseDatabase(database); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const patience = 30 * time.Second

// shelf is a database with one product, whose price is all that changes.
type shelf struct {
	market.CatalogueStore

	price atomic.Int64
	reads atomic.Int64
	open  chan struct{} // when set, a read waits for it
	err   error
}

func (s *shelf) Product(ctx context.Context, id string) (market.Product, error) {
	price := s.price.Load()
	s.reads.Add(1)
	if s.open != nil {
		select {
		case <-s.open:
		case <-ctx.Done():
			return market.Product{}, ctx.Err()
		}
	}
	if id == "panic" {
		panic("the shelf fell over")
	}
	return market.Product{
		ID: id, Name: "Carrots", Season: 5, CreatedAt: time.Date(2026, 3, 14, 8, 0, 0, 123456000, time.UTC),
		Price: market.Money{Amount: price, Currency: "EUR"},
	}, s.err
}

// stall is one process of several.
type stall struct {
	t         *testing.T
	cache     *cache.Cache
	catalogue *cache.Catalogue
	tel       *telemetry.Telemetry
}

// open starts a process on the shelf; an empty URL is one without Redis.
func open(t *testing.T, s *shelf, redisURL string, adjust ...func(*cache.Options)) *stall {
	t.Helper()
	tel := redistest.Telemetry(t, io.Discard)
	options := cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: tel}
	if redisURL != "" {
		options.Redis = redistest.Open(t, redisURL, tel)
	}
	for _, a := range adjust {
		a(&options)
	}
	c, err := cache.New(options)
	require.NoError(t, err)
	return &stall{t: t, cache: c, catalogue: cache.NewCatalogue(c, s), tel: tel}
}

func (s *stall) price(id string) int64 {
	s.t.Helper()
	product, err := s.catalogue.Product(s.t.Context(), id)
	require.NoError(s.t, err)
	return product.Price.Amount
}

// written is a database in which every write succeeds.
type written struct{ market.ProducerStore }

func (written) UpdateProduct(context.Context, market.Product) error { return nil }

func (written) UpdateFarm(context.Context, market.Farm) error { return nil }

func (s *stall) changeProduct(id string) {
	s.t.Helper()
	require.NoError(s.t, cache.NewProducers(s.cache, written{}).UpdateProduct(s.t.Context(), market.Product{ID: id}))
}

func (s *stall) changeFarm(id string) {
	s.t.Helper()
	require.NoError(s.t, cache.NewProducers(s.cache, written{}).UpdateFarm(s.t.Context(), market.Farm{ID: id}))
}

func (s *stall) metrics() string {
	recorder := httptest.NewRecorder()
	s.tel.MetricsHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

// newProduct is an id that no other test uses, with nothing left of it in Redis afterwards.
func newProduct(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	t.Cleanup(func() { redistest.Forget(t, id) })
	return id
}

func TestAValueIsReadOnceAndAChangeEndsIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		s := &shelf{}
		here, id := open(t, s, redisURL), newProduct(t)
		require.EqualValues(t, 0, here.price(id))
		require.EqualValues(t, 0, here.price(id))
		require.EqualValues(t, 1, s.reads.Load())
		for price := range int64(20) {
			s.price.Store(price)
			here.changeProduct(id)
			require.Equal(t, price, here.price(id), "never stale after a change in the same process")
		}
		s.price.Store(100)
		here.changeFarm("some farm")
		require.EqualValues(t, 100, here.price(id), "a product shows its farm")
	})
}

func TestManyWhoAskAtOnceCauseOneRead(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		s := &shelf{open: make(chan struct{})}
		here, id := open(t, s, redisURL), newProduct(t)
		var asking sync.WaitGroup
		for range 100 {
			asking.Go(func() { here.price(id) })
		}
		close(s.open)
		asking.Wait()
		require.EqualValues(t, 1, s.reads.Load())
	})
}

func TestAReadThatBeganBeforeAChangeIsNotGivenToThoseWhoAskAfterIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, redisURL string) {
		s := &shelf{open: make(chan struct{})}
		here, id := open(t, s, redisURL), newProduct(t)
		early := make(chan int64)
		go func() { early <- here.price(id) }()
		require.Eventually(t, func() bool { return s.reads.Load() == 1 }, patience, time.Millisecond)
		s.price.Store(7)
		here.changeProduct(id)
		late := make(chan int64)
		go func() { late <- here.price(id) }()
		require.Eventually(t, func() bool { return s.reads.Load() == 2 }, patience, time.Millisecond)
		close(s.open)
		require.EqualValues(t, 0, <-early)
		require.EqualValues(t, 7, <-late)
		require.EqualValues(t, 7, here.price(id), "and the early read is not kept")
	})
}

func TestWhoeverGivesUpDoesNotTakeTheOthersWithThem(t *testing.T) {
	s := &shelf{open: make(chan struct{})}
	here := open(t, s, "")
	hurried, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := here.catalogue.Product(hurried, "1")
		gone <- err
	}()
	require.Eventually(t, func() bool { return s.reads.Load() == 1 }, patience, time.Millisecond)
	patient := make(chan int64)
	go func() { patient <- here.price("1") }()
	giveUp()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(s.open)
	require.EqualValues(t, 0, <-patient)
	require.EqualValues(t, 1, s.reads.Load())
}

func TestAFailureIsNotKept(t *testing.T) {
	s := &shelf{err: market.ErrUnavailable}
	here := open(t, s, "")
	_, err := here.catalogue.Product(t.Context(), "1")
	require.ErrorIs(t, err, market.ErrUnavailable)
	s.err = nil
	require.EqualValues(t, 0, here.price("1"))
}

func TestAPanicOfAReadIsAnErrorOfThoseWhoAsked(t *testing.T) {
	_, err := open(t, &shelf{}, "").catalogue.Product(t.Context(), "panic")
	require.ErrorContains(t, err, "the shelf fell over")
}

func TestAnEntryEndsWithItsTime(t *testing.T) {
	s := &shelf{}
	here := open(t, s, "", func(o *cache.Options) { o.TTL = 20 * time.Millisecond })
	require.EqualValues(t, 0, here.price("1"))
	s.price.Store(7) // by somebody who does not tell
	require.Eventually(t, func() bool { return here.price("1") == 7 }, patience, time.Millisecond)
}

func TestTheCacheStaysWithinItsBounds(t *testing.T) {
	here := open(t, &shelf{}, "", func(o *cache.Options) { o.MaxBytes = 20_000 })
	for range 5_000 {
		here.price(uuid.NewString())
	}
	require.Eventually(t, func() bool { return cached(here) < 100 }, patience, time.Millisecond)
}

// cached is the number of entries, as the metrics say it.
func cached(s *stall) int {
	for line := range strings.Lines(s.metrics()) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "market_cache_entries "); ok {
			n, err := strconv.Atoi(text)
			require.NoError(s.t, err)
			return n
		}
	}
	require.Fail(s.t, "there is no such metric")
	return 0
}

func TestProcessesShareWhatOneHasRead(t *testing.T) {
	s := &shelf{}
	s.price.Store(7)
	id, url := newProduct(t), redistest.URL(t).String()
	warm, other := open(t, s, url), open(t, s, url)
	other.price(newProduct(t)) // a new process takes nothing that was there before it
	// The first read in a fresh Redis only gives the tags their versions.
	require.Eventually(t, func() bool {
		warm.changeProduct(id)
		return warm.price(id) == 7 && redistest.Has(t, id)
	}, patience, 5*time.Millisecond)
	before := s.reads.Load()
	product, err := other.catalogue.Product(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, before, s.reads.Load(), "the database is not asked")
	direct, err := s.Product(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, direct, product, "Redis changes nothing of it")
	require.Contains(t, other.metrics(), `market_cache_lookups_total{cache="catalogue",outcome="shared"} 1`)
}

func TestAChangeInOneProcessEndsTheValueInOthers(t *testing.T) {
	s := &shelf{}
	id, url := newProduct(t), redistest.URL(t).String()
	here, there := open(t, s, url), open(t, s, url)
	go there.cache.Watch(t.Context())
	require.EqualValues(t, 0, there.price(id))
	for price := int64(1); price < 10; price++ {
		s.price.Store(price)
		here.changeProduct(id)
		require.Eventually(t, func() bool { return there.price(id) == price }, patience, time.Millisecond)
	}
}

func TestAChangeThatRedisMissedEndsEverythingThere(t *testing.T) {
	s := &shelf{}
	id := newProduct(t)
	url, proxy := redistest.Proxied(t)
	here, there := open(t, s, url), open(t, s, redistest.URL(t).String())
	require.Eventually(t, func() bool {
		here.changeProduct(id)
		return here.price(id) == 0 && redistest.Has(t, id)
	}, patience, 5*time.Millisecond)

	proxy.Cut()
	s.price.Store(7)
	here.changeProduct(id)
	require.EqualValues(t, 7, here.price(id))
	require.Contains(t, here.metrics(), `market_cache_errors_total{operation="invalidate"} 1`)
	proxy.Restore()
	for range 200 {
		here.changeFarm(uuid.NewString()) // so that Redis is asked again and again
		require.EqualValues(t, 7, here.price(id), "what Redis missed is never taken from it")
	}
	require.Eventually(t, func() bool { here.price(uuid.NewString()); return there.price(id) == 7 }, patience, 5*time.Millisecond)
}

func TestAChangeThatAProcessCouldNotTellBeforeItEndedIsSeenByTheNextOne(t *testing.T) {
	eachTime := func(o *cache.Options) { o.TTL = time.Millisecond } // Redis is asked, because nothing lasts in the process
	for name, returnsFirst := range map[string]bool{
		"Redis is back before the next one starts": true,
		"Redis comes back later":                   false,
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{}
			id := newProduct(t)
			url, proxy := redistest.Proxied(t)
			there := open(t, s, redistest.URL(t).String(), eachTime)
			there.price(newProduct(t))
			before := open(t, s, url)
			require.Eventually(t, func() bool {
				before.changeProduct(id)
				return before.price(id) == 0 && redistest.Has(t, id)
			}, patience, 5*time.Millisecond)

			proxy.Cut()
			s.price.Store(7)
			before.changeProduct(id) // which is the last that it does
			require.EqualValues(t, 0, there.price(id), "Redis has the old one")
			if returnsFirst {
				proxy.Restore()
			}
			next := open(t, s, url, eachTime)
			require.EqualValues(t, 7, next.price(id))
			proxy.Restore()
			var got int64
			require.Eventually(t, func() bool {
				got = next.price(id)
				return got != 7 || there.price(id) == 7
			}, patience, 5*time.Millisecond)
			require.EqualValues(t, 7, got, "what those before it could not tell Redis is never taken from it")
		})
	}
}

func TestANewProcessLeavesOthersWhatTheyHaveInThemselves(t *testing.T) {
	const kept, changed = "0198c0de-0000-7000-8000-00000000000a", "0198c0de-0000-7000-8000-00000000000b" // in slots of their own
	t.Cleanup(func() { redistest.Forget(t, kept); redistest.Forget(t, changed) })
	s, url := &shelf{}, redistest.URL(t).String()
	here, teller := open(t, s, url), open(t, s, url)
	go here.cache.Watch(t.Context())
	hear := func() {
		price := s.price.Add(1)
		require.Eventually(t, func() bool {
			teller.changeProduct(changed)
			return here.price(changed) == price
		}, patience, 5*time.Millisecond)
	}
	hear()
	was := here.price(kept)
	open(t, s, url).price(newProduct(t))
	hear() // and so whatever was told before
	require.Equal(t, was, here.price(kept))
}

func TestAnswersEndWithWhatTheyAreMadeFrom(t *testing.T) {
	here := open(t, &shelf{}, "")
	answers := cache.NewAnswers[string](here.cache)
	made := answers.Now(cache.ProductsTag)
	answers.Keep("GET /products", made, "carrots", 7)
	got, ok := answers.Get("GET /products")
	require.True(t, ok)
	require.Equal(t, "carrots", got)
	here.changeProduct("1")
	_, ok = answers.Get("GET /products")
	require.False(t, ok)
	answers.Keep("GET /products", made, "carrots", 7)
	_, ok = answers.Get("GET /products")
	require.False(t, ok, "an answer made before the change is of no use after it")
}

func TestListsWithOtherQueriesAreOtherLists(t *testing.T) {
	store := lists{}
	here := open(t, nil, "")
	c := cache.NewCatalogue(here.cache, store)
	for _, query := range []market.ProductQuery{
		{Paging: market.Paging{Page: 1, Limit: 2}},
		{Paging: market.Paging{Page: 12}},
		{Paging: market.Paging{Page: 1, Limit: 2, After: market.Position{ID: "a", Key: "b"}}},
		{Paging: market.Paging{Page: 1, Limit: 2, After: market.Position{ID: "a", Key: "c"}}},
		{Paging: market.Paging{Page: 1, Limit: 2, After: market.Position{ID: "a", Key: "c", Before: 2}}},
		{Search: "a/1:b"},
		{Search: "a", FarmID: "1:b"},
		{Category: "a"},
		{FarmID: "a"},
		{Search: "a"},
		{Sort: "a"},
	} {
		for range 2 {
			page, err := c.Products(t.Context(), query)
			require.NoError(t, err)
			require.Equal(t, query.Search+"|"+query.FarmID+"|"+string(query.Category)+"|"+string(query.Sort), page.Items[0].Name)
			require.Equal(t, query.Paging, page.Paging)
		}
	}
	yes, no := true, false
	for _, query := range []market.FarmQuery{{Search: "a"}, {OwnerID: "a"}, {Sort: "a"}, {Verified: &yes}, {Verified: &no}, {}} {
		for range 2 {
			page, err := c.Farms(t.Context(), query)
			require.NoError(t, err)
			require.Equal(t, strings.Join(query.Picks(), "|"), page.Items[0].Name)
		}
	}
	_, err := c.Farm(t.Context(), "1")
	require.ErrorIs(t, err, errNoFarm)
}

var errNoFarm = errors.New("no farm")

// lists answers with the query.
type lists struct{ market.CatalogueStore }

func (lists) Products(_ context.Context, q market.ProductQuery) (market.Page[market.Product], error) {
	text := q.Search + "|" + q.FarmID + "|" + string(q.Category) + "|" + string(q.Sort)
	return market.Page[market.Product]{Paging: q.Paging, Items: []market.Product{{Name: text}}}, nil
}

func (lists) Farms(_ context.Context, q market.FarmQuery) (market.Page[market.Farm], error) {
	return market.Page[market.Farm]{Paging: q.Paging, Items: []market.Farm{{Name: strings.Join(q.Picks(), "|")}}}, nil
}

func (lists) Farm(context.Context, string) (market.Farm, error) { return market.Farm{}, errNoFarm }
