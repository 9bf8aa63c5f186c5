package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/telemetry"
)

var ending = deprecation{
	method: http.MethodGet, path: "/old/{id}", successor: "/new/{id}",
	since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), sunset: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC),
}

func TestClientsOfADeprecatedOperationAreTold(t *testing.T) {
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	app := fiber.New()
	tel.Use(app)
	app.Use(deprecate([]deprecation{ending}))
	app.Get("/old/:id", func(c *fiber.Ctx) error { return c.SendString("old") })
	app.Put("/old/:id", func(c *fiber.Ctx) error { return c.SendString("old") })
	app.Get("/new/:id", func(c *fiber.Ctx) error { return c.SendString("new") })
	tel.Instrument(app)
	for request, told := range map[string]bool{"GET /old/7": true, "PUT /old/7": false, "GET /new/7": false} {
		response, err := app.Test(httptest.NewRequest(request[:3], request[4:], http.NoBody), -1)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if !told {
			require.Empty(t, response.Header.Get("Deprecation"), request)
			require.Empty(t, response.Header.Get("Sunset"), request)
			continue
		}
		require.Equal(t, "@1767323045", response.Header.Get("Deprecation"), "RFC 9745 asks for a structured date")
		require.Equal(t, "Tue, 01 Sep 2026 00:00:00 GMT", response.Header.Get("Sunset"))
		require.Contains(t, response.Header.Get("Link"), `rel="deprecation"`)
		require.Contains(t, response.Header.Get("Link"), `</new/{id}>; rel="successor-version"`)
	}
}

func TestTheDocumentSaysWhatIsDeprecated(t *testing.T) {
	document := func() *huma.OpenAPI {
		return &huma.OpenAPI{Paths: map[string]*huma.PathItem{"/old/{id}": {Get: &huma.Operation{}}}}
	}
	d := document()
	require.NoError(t, documentDeprecations(d, []deprecation{ending}))
	require.True(t, d.Paths["/old/{id}"].Get.Deprecated)

	hasty, misspelt := ending, ending
	hasty.sunset, misspelt.path = ending.since.Add(time.Hour), "/odl/{id}"
	require.ErrorContains(t, documentDeprecations(document(), []deprecation{hasty}), "its sunset comes before")
	require.ErrorContains(t, documentDeprecations(document(), []deprecation{misspelt}), "no such operation")
}

func TestTheTableOfDeprecationsHolds(t *testing.T) {
	_, err := OpenAPI()
	require.NoError(t, err)
}
