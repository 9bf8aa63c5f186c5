package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/cache"
	"github.com/farmersmarket/platform/server/market"
)

// shop is the API over a catalogue of one product, behind the cache.
type shop struct {
	t     *testing.T
	app   *fiber.App
	cache *cache.Cache
	shelf *oneProduct
}

// oneProduct counts how often it is asked.
type oneProduct struct {
	market.CatalogueStore

	name  string
	asked int
}

const productID = "9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"

func (s *oneProduct) Product(_ context.Context, id string) (market.Product, error) {
	s.asked++
	if id != productID {
		return market.Product{}, &market.NotFoundError{Kind: "product", ID: id}
	}
	return market.Product{ID: id, Name: s.name}, nil
}

// Farm is that of every product.
func (s *oneProduct) Farm(_ context.Context, id string) (market.Farm, error) {
	return market.Farm{ID: id, Verified: true}, nil
}

func (s *oneProduct) Products(_ context.Context, q market.ProductQuery) (market.Page[market.Product], error) {
	s.asked++
	return market.Page[market.Product]{Paging: q.Paging, Items: []market.Product{{ID: productID, Name: s.name}}, Extent: market.Extent{Total: 1}}, nil
}

// written is a database in which every write succeeds.
type written struct{ market.ProducerStore }

func (written) UpdateProduct(context.Context, market.Product) error { return nil }

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, shelf: &oneProduct{name: "Carrots"}}
	s.app = newBareApp(t, func(o *api.Options, _ *brokenStore) {
		var err error
		s.cache, err = cache.New(cache.Options{MaxBytes: 1 << 20, TTL: time.Hour, Telemetry: o.Telemetry})
		require.NoError(t, err)
		o.Cache = s.cache
		o.Sessions = newSessions(t, nil, o.Telemetry, auth.DefaultLimits())
		o.Catalogue = market.NewCatalogue(cache.NewCatalogue(s.cache, s.shelf))
	})
	return s
}

// ask sends a request; headers are pairs of name and value.
func (s *shop) ask(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	request := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.app.Test(request, -1)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response, string(body)
}

const (
	productsPath = "/api/v1/products"
	productPath  = "/api/v1/products/" + productID
)

func TestAPublicReadIsAnsweredFromTheCacheUntilItsDataChange(t *testing.T) {
	for name, path := range map[string]string{
		"a list": productsPath, "a product": productPath, "a product with a slash behind it": productPath + "/",
		"a product in capitals":      "/api/v1/products/9F3C0D54-6F0A-5C61-9A50-0A5A3C1C7A11",
		"a product, percent-encoded": "/api/v1/products/%39f3c0d54%2D6f0a-5c61-9a50-0a5a3c1c7a11",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			first, body := s.ask(http.MethodGet, path)
			require.Equal(t, http.StatusOK, first.StatusCode, body)
			again, sameBody := s.ask(http.MethodGet, path)
			require.Equal(t, body, sameBody)
			first.Header.Del("Date")
			again.Header.Del("Date")
			require.Equal(t, first.Header, again.Header, "an answer from the cache is the same to the last header")
			require.Equal(t, 1, s.shelf.asked)

			s.shelf.name = "Parsnips"
			require.NoError(t, cache.NewProducers(s.cache, written{}).UpdateProduct(t.Context(), market.Product{ID: productID}))
			changed, body := s.ask(http.MethodGet, path)
			require.Contains(t, body, "Parsnips")
			require.NotEqual(t, first.Header.Get("ETag"), changed.Header.Get("ETag"))
		})
	}
}

func TestTheSameQueryWrittenDifferentlyIsTheSameAnswer(t *testing.T) {
	s := newShop(t)
	s.ask(http.MethodGet, productsPath+"?category=fruit&limit=5")
	for _, query := range []string{
		"?limit=5&category=fruit", "?limit=5&category=fruit&page=1&sort=name&q=", "?category=fruit&limit=5&utm_source=x",
	} {
		s.ask(http.MethodGet, productsPath+query)
		require.Equal(t, 1, s.shelf.asked, query)
	}
	for i, query := range []string{"?category=fruit&limit=6", "?category=dairy&limit=5", "?limit=5", "?q=category%3Dfruit&limit=5"} {
		s.ask(http.MethodGet, productsPath+query)
		require.Equal(t, 2+i, s.shelf.asked, query)
	}
}

func TestAConditionalRequestIsAnsweredWithout(t *testing.T) {
	s := newShop(t)
	first, _ := s.ask(http.MethodGet, productsPath)
	etag := first.Header.Get("ETag")
	require.Regexp(t, `^"[^"]+"$`, etag, "a strong one")
	for name, c := range map[string]struct {
		condition string
		status    int
	}{
		"the current tag":             {etag, 304},
		"the tag as a CDN weakens it": {"W/" + etag, 304},
		"the tag among others":        {`"x", ` + etag + `, "y"`, 304},
		"any":                         {"*", 304},
		"another tag":                 {`"x"`, 200},
		"a part of the tag":           {etag[:5] + `"`, 200},
		"no tag at all":               {"carrots", 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(method+" with "+name, func(t *testing.T) {
				response, body := s.ask(method, productsPath, "If-None-Match", c.condition)
				require.Equal(t, c.status, response.StatusCode)
				require.Equal(t, etag, response.Header.Get("ETag"))
				require.Contains(t, response.Header.Get("Cache-Control"), "s-maxage")
				require.Equal(t, c.status == 200 && method == http.MethodGet, body != "")
			})
		}
	}
}

func TestAHeadIsAGetWithoutABody(t *testing.T) {
	for _, path := range []string{productsPath, productPath, "/api/live", "/api/v1/products?limit=101", "/openapi.json"} {
		t.Run(path, func(t *testing.T) {
			s := newShop(t)
			head, body := s.ask(http.MethodHead, path)
			require.Empty(t, body)
			get, body := s.ask(http.MethodGet, path)
			require.Equal(t, get.StatusCode, head.StatusCode)
			require.Len(t, body, int(head.ContentLength))
			for _, h := range []*http.Response{head, get} {
				h.Header.Del("Date")
			}
			require.Equal(t, get.Header, head.Header)
		})
	}
}

func TestWhoMayKeepAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		control      string
	}{
		"the catalogue: anybody, for a while": {path: productsPath, control: "public, max-age=5, s-maxage=60, stale-while-revalidate=60"},
		"the API's description: anybody":      {path: "/openapi.json", control: "public, max-age=300, s-maxage=3600, stale-while-revalidate=3600"},
		"what needs an account: nobody":       {path: "/api/v1/auth/me", control: "private, no-store"},
		"an error: nobody":                    {path: "/api/v1/products?limit=101", control: "private, no-store"},
		"a path that there is not: nobody":    {path: "/api/v1/tractors", control: "private, no-store"},
		"a method it does not take: nobody":   {method: http.MethodPatch, path: productsPath, control: "private, no-store"},
		"health: nobody":                      {path: "/api/health", control: "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			method := c.method
			if method == "" {
				method = http.MethodGet
			}
			response, _ := s.ask(method, c.path)
			require.Equal(t, c.control, response.Header.Get("Cache-Control"))
		})
	}
}

// A CDN keeps one answer for all, so there must be only one.
func TestAPublicReadIsTheSameForEverybody(t *testing.T) {
	s := newShop(t)
	plain, body := s.ask(http.MethodGet, productsPath)
	require.Empty(t, plain.Header.Get("Vary"))
	for name, headers := range map[string][]string{
		"who accepts something else": {"Accept", "text/html"},
		"who accepts CBOR":           {"Accept", "application/cbor"},
		"who accepts compression":    {"Accept-Encoding", "br, gzip"},
		"who brings a forged token":  {"Authorization", "Bearer forged"},
		"who speaks French":          {"Accept-Language", "fr"},
	} {
		t.Run(name, func(t *testing.T) {
			response, same := s.ask(http.MethodGet, productsPath, headers...)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Equal(t, body, same)
			require.Equal(t, plain.Header.Get("ETag"), response.Header.Get("ETag"))
			fresh, same := newShop(t).ask(http.MethodGet, productsPath, headers...)
			require.Equal(t, http.StatusOK, fresh.StatusCode)
			require.Equal(t, body, same, "also when it is not from the cache")
		})
	}
}

func TestAnErrorIsNotKept(t *testing.T) {
	s := newShop(t)
	for range 3 {
		response, _ := s.ask(http.MethodGet, "/api/v1/products/9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a12")
		require.Equal(t, http.StatusNotFound, response.StatusCode)
		require.Empty(t, response.Header.Get("ETag"))
	}
	require.Equal(t, 3, s.shelf.asked)
}
