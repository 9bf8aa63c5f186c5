package traffic

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// market answers like the API and notes what it was asked.
type fakeMarket struct {
	mu     sync.Mutex
	seen   map[string]int // requests by kind
	agents map[string]bool
}

func (f *fakeMarket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Path
	for _, parameter := range []string{"category", "q"} {
		if r.URL.Query().Has(parameter) {
			kind += "?" + parameter + "=" + r.URL.Query().Get(parameter)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[kind]++
	f.agents[r.UserAgent()] = true
	switch r.URL.Path {
	case productsPath:
		_, _ = fmt.Fprint(w, `{"success":true,"data":[{"id":"p 1","name":"Apples, red","category":"fruit & nuts"}],"pagination":{"pages":3}}`)
	case farmsPath:
		_, _ = fmt.Fprint(w, `{"success":true,"data":[{"id":"f7","name":"Oak Farm"}],"pagination":{"pages":1}}`)
	}
}

func (f *fakeMarket) asked(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[kind] > 0
}

// start runs traffic and stops it, and what it left behind, at the end of the test.
func start(t *testing.T, config Config) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, config) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done, "an end is no error") })
}

const soon = 20 * time.Second

func TestShoppersDoWhatShoppersDo(t *testing.T) {
	f := &fakeMarket{seen: map[string]int{}, agents: map[string]bool{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	start(t, Config{BaseURL: server.URL + "/", Rate: 500})
	for name, kind := range map[string]string{
		"leaf through products":              "/api/v1/products",
		"filter by a category that exists":   "/api/v1/products?category=fruit & nuts",
		"search for a word of a name":        "/api/v1/products?q=Apples",
		"open a product by its id":           "/api/v1/products/p 1",
		"look at farms":                      "/api/v1/farms",
		"open a farm by its id":              "/api/v1/farms/f7",
		"search for a word without a comma ": "/api/v1/products?q=red",
	} {
		require.Eventually(t, func() bool { return f.asked(kind) }, soon, 5*time.Millisecond, name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(t, map[string]bool{UserAgent: true}, f.agents)
}

func TestTrafficOutlivesAnOutage(t *testing.T) {
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	stats := &Stats{}
	start(t, Config{BaseURL: server.URL, Rate: 200, Observe: stats.Observe})
	require.Eventually(t, func() bool { return stats.Counts().ByStatus[200] > 0 }, soon, time.Millisecond)
	require.Zero(t, stats.Counts().FirstFailure)
	down.Store(true)
	require.Eventually(t, func() bool { return stats.Counts().ByStatus[503] > 3 }, soon, time.Millisecond)
	first := stats.Counts().FirstFailure
	require.NotZero(t, first)
	down.Store(false)
	require.Eventually(t, func() bool { return stats.Counts().LastSuccess.After(stats.Counts().LastFailure) }, soon, time.Millisecond)
	require.Equal(t, first, stats.Counts().FirstFailure, "the first failure stays the first")
}

func TestAnAbsentAPIIsAskedNoMoreOftenThanAPresentOne(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	stats := &Stats{}
	began := time.Now()
	start(t, Config{BaseURL: server.URL, Rate: 50, Observe: stats.Observe})
	require.Eventually(t, func() bool { return stats.Counts().Unanswered >= 10 }, soon, time.Millisecond)
	due := time.Since(began).Seconds()*50 + 1
	require.LessOrEqual(t, float64(stats.Counts().Sent), due)
}

func TestUntracedRequestsCarryAContextThatIsNotSampled(t *testing.T) {
	parents := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case parents <- r.Header.Get("Traceparent"):
		default:
		}
	}))
	t.Cleanup(server.Close)
	start(t, Config{BaseURL: server.URL, Rate: 100, Untraced: true})
	require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`, <-parents)
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	release := make(chan struct{})
	var inFlight, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), inFlight.Add(1)))
		<-release
		inFlight.Add(-1)
	}))
	t.Cleanup(server.Close)
	stats := &Stats{}
	start(t, Config{BaseURL: server.URL, Rate: 500, Concurrency: 4, Observe: stats.Observe})
	require.Eventually(t, func() bool { return stats.Counts().Skipped > 20 }, soon, time.Millisecond)
	require.EqualValues(t, 4, most.Load())
	close(release)
}

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		says   string
	}{
		"an address without a scheme":   {Config{BaseURL: "127.0.0.1:8080", Rate: 1}, "want http://host:port"},
		"no rate":                       {Config{BaseURL: "http://a"}, "above 0"},
		"a rate that is not a number":   {Config{BaseURL: "http://a", Rate: nan()}, "above 0"},
		"a rate beyond what is offered": {Config{BaseURL: "http://a", Rate: 1e9}, "at most 10000"},
		"a negative bound":              {Config{BaseURL: "http://a", Rate: 1, Concurrency: -1}, "must not be negative"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, Run(t.Context(), test.config), test.says) })
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

// Whatever the API answers, the next request is a well-formed one below /api/v1, and what is remembered is bounded.
func TestAnyAnswerGivesAValidNextRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m market
		for _, body := range rapid.SliceOfN(rapid.OneOf(
			rapid.String(),
			rapid.Custom(func(t *rapid.T) string {
				return fmt.Sprintf(`{"data":[{"id":%q,"name":%q,"category":%q}],"pagination":{"pages":%d}}`,
					rapid.String().Draw(t, "id"), rapid.String().Draw(t, "name"), rapid.String().Draw(t, "category"),
					rapid.IntRange(-5, 1000).Draw(t, "pages"))
			}),
		), 0, 20).Draw(t, "bodies") {
			m.learn(rapid.SampledFrom([]string{productsPath, farmsPath, productsPath + "?q=x"}).Draw(t, "path"), []byte(body))
		}
		for range 20 {
			path := m.nextPath(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "random") })
			parsed, err := url.Parse("http://host" + path)
			if err != nil || !strings.HasPrefix(path, "/api/v1/") || parsed.Host != "host" {
				t.Fatalf("next request %q: %v", path, err)
			}
		}
	})
}
