package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
)

const imageLimit = 2 << 20

// gallery is the API with a product whose owner is logged in.
type gallery struct {
	t       *testing.T
	app     *fiber.App
	owner   user
	product string
}

// newImages are images in a folder of the test's own.
func newImages(t *testing.T, tel *telemetry.Telemetry) api.Images {
	t.Helper()
	kept, err := images.Open(t.Context(), "file://"+t.TempDir(), tel)
	require.NoError(t, err)
	return api.Images{Intake: images.NewIntake(1, tel), Store: kept, Limit: imageLimit}
}

func eachGallery(t *testing.T, test func(t *testing.T, g gallery, s *store.Store), adjust ...func(*api.Options)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := gallery{t: t, owner: as(t, s, market.FarmOwner), product: uuid.NewString()}
		now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		farm := market.Farm{
			ID: uuid.NewString(), Name: "Hill Farm", Place: "Hill", Country: "IE", OwnerID: g.owner.ID, VerifiedAt: now, Version: 1, CreatedAt: now, UpdatedAt: now,
		}
		require.NoError(t, s.CreateFarm(t.Context(), farm))
		require.NoError(t, s.CreateProduct(t.Context(), market.Product{
			ID: g.product, FarmID: farm.ID, Name: "Carrots", Category: market.Vegetables, Season: 1, Version: 1,
			Unit:  market.Unit{Kind: market.Item, Size: 1, Label: "bunch"},
			Price: market.Money{Amount: 250, Currency: "EUR"}, CreatedAt: now, UpdatedAt: now,
		}))
		g.app = newBareApp(t, func(o *api.Options, _ *brokenStore) {
			o.Images = newImages(t, o.Telemetry)
			o.Catalogue, o.Producers = market.NewCatalogue(s), market.NewProducers(s, market.SystemClock{})
			o.Sessions = newSessions(t, s, o.Telemetry, auth.DefaultLimits())
			o.BodyLimit = 1 << 20
			for _, a := range adjust {
				a(o)
			}
		})
		test(t, g, s)
	})
}

func (g gallery) do(method, path, token string, body []byte) (*http.Response, []byte) {
	g.t.Helper()
	request := httptest.NewRequest(method, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "image/jpeg")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := g.app.Test(request, -1)
	require.NoError(g.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return response, content
}

func (g gallery) path() string { return "/api/v1/products/" + g.product + "/image" }

func photograph(t *testing.T, w, h int) []byte {
	t.Helper()
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		p.Set(x, h/2, color.White)
	}
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, p, nil))
	return out.Bytes()
}

func TestAnOwnersPhotographIsShownWithTheProductAndServedForever(t *testing.T) {
	eachGallery(t, func(t *testing.T, g gallery, _ *store.Store) {
		response, body := g.do(http.MethodPut, g.path(), g.owner.token, photograph(t, 1000, 500))
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
		shown := decode[struct{ Data api.Product }](t, get(t, g.app, "/api/v1/products/"+g.product).body).Data.Image
		require.NotNil(t, shown)
		for url, width := range map[string]int{shown.Small: 320, shown.Medium: 800, shown.Large: 1000} {
			response, body := g.do(http.MethodGet, url, "", nil)
			require.Equal(t, http.StatusOK, response.StatusCode, url)
			require.Equal(t, "image/jpeg", response.Header.Get("Content-Type"))
			require.Equal(t, "public, max-age=31536000, immutable", response.Header.Get("Cache-Control"))
			config, err := jpeg.DecodeConfig(bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, width, config.Width)
			again := httptest.NewRequest(http.MethodGet, url, http.NoBody)
			again.Header.Set("If-None-Match", response.Header.Get("ETag"))
			unchanged, err := g.app.Test(again, -1)
			require.NoError(t, err)
			require.Equal(t, http.StatusNotModified, unchanged.StatusCode)
		}

		response, body = g.do(http.MethodPut, g.path(), g.owner.token, photograph(t, 500, 500))
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
		other := decode[struct{ Data api.Product }](t, body).Data.Image
		require.NotEqual(t, shown, other, "another photograph has another URL")

		response, _ = g.do(http.MethodDelete, g.path(), g.owner.token, nil)
		require.Equal(t, http.StatusNoContent, response.StatusCode)
		require.Nil(t, decode[struct{ Data api.Product }](t, get(t, g.app, "/api/v1/products/"+g.product).body).Data.Image)
	})
}

func TestWhoeverIsNotTheOwnerUploadsNothing(t *testing.T) {
	eachGallery(t, func(t *testing.T, g gallery, s *store.Store) {
		for name, c := range map[string]struct {
			token  string
			status int
		}{
			"nobody":              {"", http.StatusUnauthorized},
			"a customer":          {as(t, s, market.Customer).token, http.StatusForbidden},
			"another farm's own":  {as(t, s, market.FarmOwner).token, http.StatusForbidden},
			"a forged owner":      {g.owner.token + "x", http.StatusUnauthorized},
			"the market's admins": {as(t, s, market.Admin).token, http.StatusForbidden},
		} {
			for _, method := range []string{http.MethodPut, http.MethodDelete} {
				response, body := g.do(method, g.path(), c.token, photograph(t, 100, 100))
				require.Equal(t, c.status, response.StatusCode, "%s %s: %s", name, method, body)
			}
		}
	})
}

func TestAnUploadThatIsNoPhotographGetsAPreciseAnswer(t *testing.T) {
	eachGallery(t, func(t *testing.T, g gallery, _ *store.Store) {
		whole := photograph(t, 200, 200)
		for name, c := range map[string]struct {
			body   []byte
			path   string
			status int
			detail string
		}{
			"a web page":        {[]byte("<html>"), g.path(), http.StatusUnsupportedMediaType, "text/html"},
			"half a photograph": {whole[:len(whole)/2], g.path(), http.StatusUnprocessableEntity, "not uploaded whole"},
			"a pixel":           {photograph(t, 1, 1), g.path(), http.StatusUnprocessableEntity, "1 × 1 pixels"},
			"nothing":           {nil, g.path(), http.StatusBadRequest, "body"},
			"for no product":    {whole, "/api/v1/products/" + uuid.NewString() + "/image", http.StatusNotFound, "not found"},
			"more than others":  {make([]byte, imageLimit-1), g.path(), http.StatusUnsupportedMediaType, "octet-stream"},
		} {
			t.Run(name, func(t *testing.T) {
				status, body := g.overTCP(http.MethodPut, c.path, g.owner.token, c.body)
				require.Equal(t, c.status, status, body)
				require.Contains(t, body, c.detail)
			})
		}
		require.Equal(t, http.StatusRequestEntityTooLarge, g.announce(http.MethodPut, g.path(), g.owner.token, imageLimit+1))
		require.Equal(t, http.StatusRequestEntityTooLarge, g.announce(http.MethodPost, "/api/v1/products", g.owner.token, 1<<20+1),
			"only an image may be so large")
		require.Equal(t, http.StatusRequestEntityTooLarge, g.announce(http.MethodPut, g.path(), "", 1<<20+1),
			"and only of somebody who says who they are")
	})
}

func TestAnUploadWhoseTurnDoesNotComeIsToldToComeAgain(t *testing.T) {
	eachGallery(t, func(t *testing.T, g gallery, _ *store.Store) {
		response, body := g.do(http.MethodPut, g.path(), g.owner.token, photograph(t, 100, 100))
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "%s", body)
		require.Contains(t, string(body), "other images are being worked on")
		require.NotEmpty(t, response.Header.Get("Retry-After"))
	}, func(o *api.Options) {
		o.Images.Intake = images.NewIntake(0, newTelemetry(t)) // nobody's turn ever comes
		o.RequestTimeout = 2 * time.Second
	})
}

// overTCP asks over a real connection, because fasthttp's limits on bodies are not the app's.
func (g gallery) overTCP(method, path, token string, body []byte) (int, string) {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.listen()+path, bytes.NewReader(body))
	require.NoError(g.t, err)
	request.Close = true
	request.Header.Set("Content-Type", "image/jpeg")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(g.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return response.StatusCode, string(content)
}

// announce sends the head of a request whose body would be so long, and returns the status of the answer.
func (g gallery) announce(method, path, token string, length int) int {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", g.listen())
	require.NoError(g.t, err)
	defer conn.Close()
	authorization := ""
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %d\r\n\r\n", method, path, authorization, length)
	require.NoError(g.t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(g.t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// listen serves the API on a port of its own until the test ends.
func (g gallery) listen() string {
	g.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(g.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(g.t, err)
	served := make(chan struct{})
	go func() { defer close(served); _ = g.app.Server().Serve(listener) }()
	g.t.Cleanup(func() { _ = listener.Close(); <-served })
	return listener.Addr().String()
}

func TestNothingButImagesIsServedFromTheStore(t *testing.T) {
	eachGallery(t, func(t *testing.T, g gallery, _ *store.Store) {
		hash := "4bf92f3577b34da6a3ce929d0e0e4736"
		for _, name := range []string{
			hash + "-320.jpg", hash + "-321.jpg", hash + "-320.png", hash, "..%2f..%2fetc%2fpasswd", hash + "-0320.jpg", hash[1:] + "-320.jpg",
		} {
			response, _ := g.do(http.MethodGet, "/images/"+name, "", nil)
			require.Equal(t, http.StatusNotFound, response.StatusCode, name)
			require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		}
	})
}
